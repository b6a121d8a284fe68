/** `true` if both types are the same, regardless of how they are written. */
export type Same<A, B> = Identical<A, B> extends true ? true : Identical<Flat<A>, Flat<B>>;

/** Compiles only if the type is `true`. */
export type Holds<Truth extends true> = Truth;

type Identical<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

type Flat<T> = T extends object ? (IsEmpty<T> extends true ? {} : { [Key in keyof T]: Flat<T[Key]> }) : T;

/** Zod's type of an object without properties is `Record<string, never>`. */
type IsEmpty<T> = string extends keyof T ? ([T[keyof T]] extends [never] ? true : false) : false;
