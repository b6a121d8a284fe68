import { run } from "../../end-to-end/support/build.js";

/** Builds everything that the tests start or import. Each command is fast if nothing has changed. */
export default async function build(): Promise<void> {
  await run("cargo", ["build", "--quiet", "--package", "fanfare-test-server"]);
  await run("npm", ["run", "build", "--workspace", "fanfare"]);
  await run("npm", ["run", "build-page", "--workspace", "fanfare-inngest"]);
}
