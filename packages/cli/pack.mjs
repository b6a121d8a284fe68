// Packs the command line for npm: `node packages/cli/pack.mjs <folder> [<platform> <program>]` writes the package of a
// platform, such as linux-x64, with its program to the folder, or the launcher if there is no platform.
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

const here = import.meta.dirname;
const [out, platform, program] = process.argv.slice(2);
const launcher = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const platforms = Object.keys(launcher.optionalDependencies).map((name) => name.replace("@fanfare/cli-", ""));

if (out === undefined || (platform !== undefined && (program === undefined || !platforms.includes(platform)))) {
  console.error(`usage: pack.mjs <folder> [<platform> <program>], with a platform of ${platforms.join(", ")}`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), "fanfare-cli-"));
try {
  for (const licence of ["LICENSE-APACHE", "LICENSE-MIT"]) {
    copyFileSync(join(here, "../..", licence), join(folder, licence));
  }
  if (platform === undefined) {
    for (const name of ["bin", "package.json", "README.md"]) {
      cpSync(join(here, name), join(folder, name), { recursive: true });
    }
    execFileSync(process.execPath, [join(here, "../docs.mjs"), join(folder, "docs"), "Definitions"]);
  } else {
    addProgram(platform, program);
  }
  mkdirSync(out, { recursive: true });
  execFileSync("npm", ["pack", "--loglevel=error", "--pack-destination", resolve(out)], {
    cwd: folder,
    stdio: "inherit",
    // npm is a script on Windows.
    shell: process.platform === "win32",
  });
} finally {
  rmSync(folder, { recursive: true });
}

function addProgram(platform, program) {
  const { version, license, homepage, bugs, repository, engines } = launcher;
  const [os, cpu] = platform.split("-");
  const name = `@fanfare/cli-${platform}`;
  const description = `The program of @fanfare/cli for ${platform}.`;
  const manifest = { name, version, description, license, homepage, bugs, repository, engines, os: [os], cpu: [cpu] };
  writeFileSync(
    join(folder, "package.json"),
    `${JSON.stringify({ ...manifest, files: ["bin", "LICENSE-*"], preferUnplugged: true }, null, 2)}\n`,
  );
  writeFileSync(join(folder, "README.md"), `# ${name}\n\n${description} Install \`@fanfare/cli\`, which depends on it.\n`);
  const path = join(folder, "bin", basename(program));
  mkdirSync(join(folder, "bin"));
  copyFileSync(program, path);
  chmodSync(path, 0o755);
}
