import { WebSocket } from "ws";

// Node.js before version 22 has none, and the SDK takes the global one only.
globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket;
