const server = process.env["FANFARE_URL"] ?? "http://127.0.0.1:3001";

export default {
  rewrites: async () => [{ source: "/v1/realtime/:path*", destination: `${server}/v1/realtime/:path*` }],
};
