import { execFile } from "node:child_process";
import { copyFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Page } from "playwright-core";

const INTERVAL_MS = 120;
/** Times in which nothing changes are shortened to this. Then, the animation is played faster if it is too long. */
const MAX_STILL_MS = 1500;
const MAX_DURATION_MS = 14_000;
/** How long the last picture is shown. */
const LAST_STILL_MS = 2500;
const MAX_BYTES = 1_500_000;

interface Frame {
  readonly picture: Buffer;
  readonly takenAt: number;
}

/** Takes pictures of a page, and makes an animation of them. */
export class Camera {
  readonly #page: Page;
  readonly #folder: string;
  readonly #frames: Frame[] = [];
  #isRunning = false;
  #loop: Promise<void> = Promise.resolve();

  /** `folder` is for the pictures. */
  constructor(page: Page, folder: string) {
    this.#page = page;
    this.#folder = folder;
  }

  start(): void {
    this.#isRunning = true;
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#loop;
  }

  /** Writes the animation, and returns its size and duration. */
  async develop(path: string): Promise<string> {
    const durations = this.#durations();
    const names = durations.map((_, index) => join(this.#folder, `${index}.png`));
    await Promise.all(this.#frames.map(({ picture }, index) => writeFile(names[index] ?? "", picture)));
    const inputs = durations.flatMap((duration, index) => ["-d", String(duration), names[index] ?? ""]);
    const animation = join(this.#folder, "animation.webp");
    await encode(["-loop", "0", "-lossless", "-m", "6", "-kmin", "9", "-kmax", "60", ...inputs, "-o", animation]);
    const { size } = await stat(animation);
    const summary = `${path}: ${durations.length} pictures, ${sum(durations) / 1000} s, ${Math.round(size / 1000)} KB`;
    if (size > MAX_BYTES) {
      throw new Error(`${summary}: more than ${MAX_BYTES / 1000} KB`);
    }
    await copyFile(animation, path);
    return summary;
  }

  /** Takes pictures until `stop` is called. Keeps those that differ from the one before. */
  async #run(): Promise<void> {
    while (this.#isRunning) {
      const takenAt = Date.now();
      const picture = await this.#page.screenshot({ type: "png" });
      if (this.#frames.at(-1)?.picture.equals(picture) !== true) {
        this.#frames.push({ picture, takenAt });
      }
      await this.#page.waitForTimeout(Math.max(0, takenAt + INTERVAL_MS - Date.now()));
    }
  }

  /** Returns how long each picture is shown, in milliseconds. */
  #durations(): readonly number[] {
    const times = this.#frames.map(({ takenAt }) => takenAt);
    const stills = times.slice(1).map((time, index) => Math.min(time - (times[index] ?? time), MAX_STILL_MS));
    const speed = Math.max(1, sum(stills) / (MAX_DURATION_MS - LAST_STILL_MS));
    return [...stills.map((still) => Math.floor(still / speed)), LAST_STILL_MS];
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Runs `img2webp`, from version 1.0. */
async function encode(args: readonly string[]): Promise<void> {
  const run = promisify(execFile);
  const help = "install img2webp 1.0 or newer (Debian: `apt-get install webp`)";
  const { stdout } = await run("img2webp", ["-version"]).catch(() => {
    throw new Error(`cannot run img2webp: ${help}`);
  });
  if (!/version: [1-9]/u.test(stdout)) {
    throw new Error(`img2webp is too old: ${help}`);
  }
  await run("img2webp", args);
}
