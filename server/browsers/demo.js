// Room of `--demo`: two members without a browser, whom every browser sees and hears.

import { join as path } from "node:path";
import { assertQuiet, close, flows, join, press, sleep } from "./lab.js";

export async function demo(browsers, place, folder) {
  for (const browser of Object.values(browsers)) {
    const tab = await join(browser, place, "demo", "Ada");
    await flows(tab, 4);
    if (folder && browser === browsers.chromium) {
      await tab.setViewport({ width: 1_280, height: 720 });
      await press(tab, '[data-open="flow"]');
      await sleep(1_500);
      await tab.screenshot({ path: path(folder, "room.png") });
    }
    await press(tab, "#leave");
    assertQuiet(tab);
    await close(tab);
  }
}
