/**
 * What generated validators are made of: zod schemas that give the same verdict
 * as the Rust side on every JSON value.
 *
 * Each function returns a zod schema that can be extended, picked from and
 * composed like any other. Where zod's own reading differs from JSON Schema's or
 * from one zod release to the next (own keys, `__proto__`, code points, decimals,
 * formats), the check is made here.
 *
 * @module
 */

export { array, map, nullable, tuple, type ArrayLimits } from "./collections.js";
export { object, objectWith, strictObject, type WithOthers } from "./object.js";
export { payload } from "./payload.js";
export { int64, integer, number, uint64, type IntegerLimits, type NumberLimits } from "./number.js";
export { boolean, enums, lazy, literal, literals, never, nil, openEnum, json, type Json } from "./plain.js";
export { string, type StringLimits } from "./string.js";
export { anyOf, oneOf, openTagged, tagged } from "./union.js";
export { type Format } from "./formats.js";
export { issues, type Issue } from "./issue.js";
