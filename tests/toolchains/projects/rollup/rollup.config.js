import resolve from "@rollup/plugin-node-resolve";

export default {
  input: "main.mjs",
  output: { file: "public/main.js", inlineDynamicImports: true, format: "es" },
  plugins: [resolve({ browser: true })],
};
