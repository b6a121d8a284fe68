import { expect, test } from "vitest";
import { isMultiple } from "../src/validate/schema/decimal.js";

test("multiples are those of the decimal", () => {
  const multiples: [divisor: number, yes: number[], no: number[]][] = [
    [0.01, [19.99, 0.07, 1.1, 4.35, 1e22, -0.29, 0, -0], [19.999, 1e-3, 5e-324]],
    [0.1, [0.3, 1e300, 1.7], [0.35, 1e-300]],
    [3, [9, -9, 9_007_199_254_740_990, 3e300], [1, 1e300, 9_007_199_254_740_991]],
    [0.0007, [7e-4, 7e300, 0.0014], [1e300, 0.0008]],
    [5e-324, [5e-324, 1e-323, 1, 1e308], []],
    [1e308, [1e308, 0], [1e307, 1, 5e-324, 1.5e308]],
  ];
  for (const [divisor, yes, no] of multiples) {
    for (const value of yes) expect(isMultiple(value, divisor), `${value} of ${divisor}`).toBe(true);
    for (const value of no) expect(isMultiple(value, divisor), `${value} of ${divisor}`).toBe(false);
  }
});

/** The same check with the decimals as big integers. */
function isMultipleWrittenOut(value: number, divisor: number): boolean {
  return writtenOut(Math.abs(value)) % writtenOut(divisor) === 0n;
}

/** The shortest decimal of a double, times 10^400. */
function writtenOut(number: number): bigint {
  const [mantissa = "", exponent = "0"] = String(number).split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  return BigInt(whole + fraction) * 10n ** BigInt(400 + Number(exponent) - fraction.length);
}

test("random decimals agree with exact arithmetic on big integers", () => {
  let seed = 42;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (let round = 0; round < 20_000; round++) {
    const divisor = Number(`${1 + Math.floor(random() * 99)}e${Math.floor(random() * 24) - 12}`);
    const factor = Math.floor(random() * 1e6);
    const value = round % 2 === 0 ? Number((factor * divisor).toPrecision(12)) : random() * 10 ** Math.floor(random() * 20 - 5);
    expect(isMultiple(value, divisor), `${value} of ${divisor}`).toBe(isMultipleWrittenOut(value, divisor));
  }
});
