import { WebSocket } from "ws";

// The SDK takes the global one only. Node.js has none before version 22, and jsdom's does not work in it.
Object.assign(globalThis, { WebSocket });
