/** The names of a union's cases, except the open case, whose tag may be any string. */
type CaseName<Value, Tag extends string> = Value extends { readonly [Key in Tag]: infer Name }
  ? string extends Name
    ? never
    : Name
  : never;

/**
 * Returns `true` if a value is the named case of a tagged union.
 *
 * A closed union needs only `===`. For an open one (`x-open: true`), `===` does not narrow the type: the
 * tag of an unknown case may be any string, so TypeScript keeps that case in every comparison.
 *
 * @example
 * ```ts
 * if (isCase(event, "kind", "courier-moved")) {
 *   show(event.position); // of CourierMoved
 * }
 * ```
 */
export function isCase<
  Value,
  const Tag extends keyof Extract<Value, object> & string,
  const Name extends CaseName<Value, Tag> & string,
>(value: Value, tag: Tag, name: Name): value is Extract<Value, { readonly [Key in Tag]: Name }> {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.hasOwn(value, tag) &&
    (value as Readonly<Record<string, unknown>>)[tag] === name
  );
}
