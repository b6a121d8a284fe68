import { buildPackage, buildPrograms, run } from "../../end-to-end/support/build.js";

/** Builds everything that the tests start or import. Each command is fast if nothing has changed. */
export default async function build(): Promise<void> {
  await buildPrograms(["fanfare-test-server"]);
  await buildPackage("fanfare");
  await run("npm", ["run", "build-page", "--workspace", "fanfare-inngest"]);
}
