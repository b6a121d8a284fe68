const server = "http://127.0.0.1:3000";
export default { server: { proxy: { "/runs": server, "/v1/realtime": { target: server, ws: true } } } };
