import { defineConfig } from "vite";

const server = "http://127.0.0.1:3000";

export default defineConfig({
  server: { proxy: { "/runs": server, "/v1/realtime": { target: server, ws: true } } },
});
