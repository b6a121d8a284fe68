/**
 * String formats. Rust has the same grammars. All are ASCII only, and the text is never changed.
 *
 * - `uuid`: RFC 9562, 8-4-4-4-12 hexadecimal digits, either case, any version
 * - `date-time`: RFC 3339, date, `T` or `t`, time
 * - `date`: RFC 3339 `full-date`, a day that exists
 * - `time`: RFC 3339 `full-time`, offset required, any number of fraction digits,
 *   second 60 only at 23:59 UTC
 * - `email`: RFC 5321 mailbox: dot-atom or quoted local part of at most 64
 *   characters, `@`, hostname or `[IPv4]` or `[IPv6:…]`
 * - `uri`: RFC 3986 with a scheme
 * - `ipv4`: four decimal numbers up to 255, without leading zeros
 * - `ipv6`: RFC 4291 text, without a zone
 * - `hostname`: RFC 1123, labels of 1 to 63 letters, digits and inner hyphens,
 *   253 characters in all, no dot at the end
 */

/** A format. A page loads only those that its validators name. */
export interface Format {
  /** The name in JSON Schema. */
  readonly name: string;
  /** Returns `true` if the whole text has the format. */
  test(text: string): boolean;
}

export const uuid: Format = { name: "uuid", test: (text) => UUID.test(text) };
export const dateTime: Format = {
  name: "date-time",
  test: (text) => /^.{10}[Tt]/.test(text) && isDate(text.slice(0, 10)) && isTime(text.slice(11)),
};
export const date: Format = { name: "date", test: isDate };
export const time: Format = { name: "time", test: isTime };
export const email: Format = { name: "email", test: isEmail };
export const uri: Format = { name: "uri", test: isUri };
export const ipv4: Format = { name: "ipv4", test: (text) => IPV4.test(text) };
export const ipv6: Format = { name: "ipv6", test: isIpv6 };
export const hostname: Format = { name: "hostname", test: isHostname };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function isDate(text: string): boolean {
  const match = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(text);
  if (!match) {
    return false;
  }
  const [year = 0, month = 0, day = 0] = match.slice(1).map(Number);
  return day >= 1 && day <= daysIn(month, year);
}

/** Returns the number of days in a month; 0 if there is no such month. */
function daysIn(month: number, year: number): number {
  if (month === 2) {
    return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  }
  return [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

const TIME = /^([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(?:\.[0-9]+)?(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))$/;
const DAY = 24 * 60;

function isTime(text: string): boolean {
  const match = TIME.exec(text);
  if (!match) {
    return false;
  }
  const [, hour, minute, second, sign, offsetHours = "0", offsetMinutes = "0"] = match;
  if (second !== "60") {
    return true;
  }
  // A leap second is the last second of a day in UTC.
  const local = Number(hour) * 60 + Number(minute);
  const offset = Number(offsetHours) * 60 + Number(offsetMinutes);
  return (local + (sign === "-" ? offset : DAY - offset)) % DAY === DAY - 1;
}

const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
const HOSTNAME = /* @__PURE__ */ new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

function isHostname(text: string): boolean {
  return text.length <= 253 && HOSTNAME.test(text);
}

const NUMBER_TO_255 = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const IPV4 = /* @__PURE__ */ new RegExp(`^${NUMBER_TO_255}(?:\\.${NUMBER_TO_255}){3}$`);

function isIpv6(text: string): boolean {
  let groups = text;
  // An IPv4 address stands for the last two groups.
  const colon = text.lastIndexOf(":");
  if (text.includes(".")) {
    if (!IPV4.test(text.slice(colon + 1))) {
      return false;
    }
    groups = `${text.slice(0, colon + 1)}0:0`;
  }
  const [before = "", after, ...more] = groups.split("::");
  if (more.length > 0) {
    return false;
  }
  if (after === undefined) {
    return countGroups(before) === 8;
  }
  const count = (before === "" ? 0 : countGroups(before)) + (after === "" ? 0 : countGroups(after));
  return count <= 7;
}

/** Returns the number of hexadecimal groups between colons; infinity if one is invalid. */
function countGroups(text: string): number {
  const groups = text.split(":");
  return groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group)) ? groups.length : Infinity;
}

const ATOM = "[a-zA-Z0-9!#$%&'*+\\-/=?^_`{|}~]+";
const LOCAL_PART = /* @__PURE__ */ new RegExp(`^(?:${ATOM}(?:\\.${ATOM})*|"(?:[ !#-\\[\\]-~]|\\\\[ -~])*")$`);

function isEmail(text: string): boolean {
  // A quoted local part may hold an `@`, a domain may not.
  const at = text.lastIndexOf("@");
  return at >= 0 && at <= 64 && LOCAL_PART.test(text.slice(0, at)) && isMailDomain(text.slice(at + 1));
}

function isMailDomain(text: string): boolean {
  if (!text.startsWith("[")) {
    return isHostname(text);
  }
  const literal = /^\[(IPv6:)?(.*)\]$/i.exec(text);
  if (!literal) {
    return false;
  }
  const [, tag, address = ""] = literal;
  return tag === undefined ? IPV4.test(address) : isIpv6(address);
}

const COMMON = "[a-zA-Z0-9\\-._~!$&'()*+,;=";
const ESCAPE = "%[0-9a-fA-F]{2}";
const URI = /* @__PURE__ */ uriPattern();
const IP_FUTURE = /* @__PURE__ */ new RegExp(`^v[0-9a-fA-F]+\\.${COMMON}:]+$`, "i");

function uriPattern(): RegExp {
  const characters = (extra: string): string => `(?:${COMMON}${extra}]|${ESCAPE})*`;
  const authority = `(?:${characters(":")}@)?(?:\\[([^\\]]*)\\]|${characters("")})(?::[0-9]*)?`;
  const path = characters(":@/");
  const query = characters(":@/?");
  return new RegExp(`^[a-zA-Z][a-zA-Z0-9+.\\-]*:(?://${authority}(?:/${path})?|(?!//)${path})(?:\\?${query})?(?:#${query})?$`);
}

function isUri(text: string): boolean {
  const match = URI.exec(text);
  if (!match) {
    return false;
  }
  const [, literal] = match;
  return literal === undefined || isIpv6(literal) || IP_FUTURE.test(literal);
}
