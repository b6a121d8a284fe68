import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The URL of the example's server during development with `npm run dev`. */
const server = "http://127.0.0.1:3000";

export default defineConfig({
  plugins: [react()],
  server: {
    proxy: {
      "/runs": server,
      "/token": server,
      "/look-inside": server,
      "/studio": server,
      "/v1/realtime": { target: server, ws: true },
    },
  },
});
