import type { Browser, FrameLocator, Locator, Page } from "playwright-core";
import type { Demo } from "./demo.js";

const SIZE = { width: 1080, height: 800 };
/** How often the terminal in the picture is updated, in milliseconds. */
const UPDATE_INTERVAL_MS = 50;

const STAGE = `<!doctype html>
<style>
  body { margin: 0; display: grid; grid-template-rows: 1fr 144px; height: 100vh; background: #0d1117; }
  iframe { width: 100%; height: 100%; border: 0; }
  pre { margin: 0; padding: 12px 20px; color: #d7dee8; font: 17px/24px "DejaVu Sans Mono", monospace; position: relative; }
  kbd { position: absolute; right: 20px; bottom: 16px; padding: 8px 18px; border: 2px solid #8b949e; border-radius: 8px; font: inherit; }
  kbd.pressed { background: #ffd33d; border-color: #ffd33d; color: #0d1117; }
  i { position: absolute; width: 34px; height: 34px; margin: -17px; border-radius: 50%; background: rgb(255 211 61 / 75%); display: none; }
</style>
<iframe src="/"></iframe><pre></pre><i></i>`;

/** The page in the picture: the page of the demo above its terminal. */
export class Stage {
  readonly page: Page;
  readonly app: FrameLocator;
  readonly #demo: Demo;
  #enterShownUntil = 0;
  #enterCount = 0;

  private constructor(page: Page, demo: Demo) {
    this.page = page;
    this.app = page.frameLocator("iframe");
    this.#demo = demo;
  }

  static async open(browser: Browser, demo: Demo): Promise<Stage> {
    // Without motion, only what happens changes the picture.
    const page = await browser.newPage({ viewport: SIZE, colorScheme: "light", reducedMotion: "reduce" });
    // An address of the demo's origin, so that the frame may use storage.
    await page.route("**/stage", (route) => route.fulfill({ contentType: "text/html", body: STAGE }));
    await page.goto(`${demo.url}/stage`);
    const stage = new Stage(page, demo);
    await stage.app.getByText("Ready to summarise").waitFor();
    const timer = setInterval(() => void stage.#update().catch(() => clearInterval(timer)), UPDATE_INTERVAL_MS);
    timer.unref();
    return stage;
  }

  /** Clicks, after a dot has shown where. */
  readonly click = async (button: Locator): Promise<void> => {
    const box = await button.boundingBox();
    if (box === null) {
      throw new Error("the button to click is not on the page");
    }
    const position = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    const dot = this.page.locator("i");
    await dot.evaluate((dot, { x, y }) => (dot.style.cssText = `display: block; left: ${x}px; top: ${y}px`), position);
    await this.page.waitForTimeout(500);
    await button.click();
    await dot.evaluate((dot) => (dot.style.display = "none"));
  };

  /** Shows the latest lines of the terminal, and whether Enter is pressed. */
  async #update(): Promise<void> {
    const { lines, enterCount } = this.#demo;
    if (enterCount > this.#enterCount) {
      this.#enterCount = enterCount;
      this.#enterShownUntil = Date.now() + 800;
    }
    const isPressed = Date.now() < this.#enterShownUntil;
    const text = ["$ cargo xtask demo", ...lines].slice(-5).join("\n");
    await this.page.locator("pre").evaluate(
      (terminal, { text, isPressed }) => {
        const key = document.createElement("kbd");
        key.textContent = "Enter ⏎";
        key.className = isPressed ? "pressed" : "";
        terminal.replaceChildren(text, key);
      },
      { text, isPressed },
    );
  }
}
