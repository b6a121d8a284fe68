import { WebSocket } from "ws";

// The SDK uses only the global `WebSocket`. Node.js has none before version 22, and jsdom's does not work with the SDK.
Object.assign(globalThis, { WebSocket });
