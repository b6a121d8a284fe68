/** SvelteKit's module of environment variables. */
declare module "$env/dynamic/private" {
  export const env: Record<string, string | undefined>;
}
