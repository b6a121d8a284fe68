import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Where the example's server listens while the page is being worked on with `npm run dev`. */
const server = "http://127.0.0.1:3000";

export default defineConfig({
  plugins: [react()],
  server: {
    proxy: {
      "/runs": server,
      "/token": server,
      "/v1/realtime": { target: server, ws: true },
    },
  },
});
