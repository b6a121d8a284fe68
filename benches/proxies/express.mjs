import compression from "compression";
import express from "express";
import { createProxyMiddleware } from "http-proxy-middleware";

const fanfare = createProxyMiddleware({ target: "http://127.0.0.1:3000", pathFilter: "/v1/realtime/**" });

const app = express();
app.use(compression());
app.use(fanfare);
const server = app.listen(8080);
// WebSockets do not pass through Express.
server.on("upgrade", fanfare.upgrade);
