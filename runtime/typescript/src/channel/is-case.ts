/** The names of a union's cases, without the open one, whose tag may be any string. */
type CaseName<Value, Tag extends string> = Value extends { readonly [Key in Tag]: infer Name }
  ? string extends Name
    ? never
    : Name
  : never;

/**
 * Whether a value is the case of a tagged union that its property `tag` names.
 *
 * A closed union is told apart by `===` alone. An open one (`x-open: true`) is
 * not: the tag of a case that is not known yet may be any string, so TypeScript
 * keeps that case whatever the tag is compared with.
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
