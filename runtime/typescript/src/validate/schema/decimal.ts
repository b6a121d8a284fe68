/** `multipleOf` for decimals, without the rounding errors of doubles: 19.99 is a multiple of 0.01. */

/** Returns `true` if `value` is an integer multiple of `divisor`, both as their shortest decimals. */
export function isMultiple(value: number, divisor: number): boolean {
  if (value === 0) {
    return true;
  }
  if (Number.isSafeInteger(value) && Number.isSafeInteger(divisor)) {
    return value % divisor === 0;
  }
  const [digits, exponent] = decimal(value);
  const [divisorDigits, divisorExponent] = decimal(divisor);
  if (divisorDigits === "0") {
    return false;
  }
  const shift = exponent - divisorExponent;
  const scaled = digits + "0".repeat(Math.max(shift, 0));
  const scaledDivisor = divisorDigits + "0".repeat(Math.max(-shift, 0));
  // 15 digits always fit a double. Bigints are exact but slower.
  if (scaled.length <= 15 && scaledDivisor.length <= 15) {
    return Number(scaled) % Number(scaledDivisor) === 0;
  }
  return BigInt(scaled) % BigInt(scaledDivisor) === 0n;
}

/**
 * Returns the magnitude as `digits × 10^exponent`, without trailing zeros. JavaScript and Rust agree on
 * the shortest digits.
 */
function decimal(double: number): [digits: string, exponent: number] {
  const [coefficient = "0", power = "0"] = Math.abs(double).toExponential().split("e");
  const [whole = "0", fraction = ""] = coefficient.split(".");
  return [whole + fraction, Number(power) - fraction.length];
}
