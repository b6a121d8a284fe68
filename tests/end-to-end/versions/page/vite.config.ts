import { join } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const pages = ["old.html", "new.html"].map((page) => join(import.meta.dirname, page));

export default defineConfig({
  plugins: [react()],
  build: { emptyOutDir: true, rolldownOptions: { input: pages } },
});
