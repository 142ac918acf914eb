// Takes pictures of pages.
//   node shoot.mjs CHROMIUM '[{"page": ..., "hash": ..., "scheme": ..., "width": ..., "height": ..., "picture": ...}]'

import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [chromium, jobs] = process.argv.slice(2);
const browser = await puppeteer.launch({
  executablePath: chromium, headless: true, args: ["--no-sandbox", "--disable-gpu"],
});
for (const { page, hash, scheme, width, height, picture } of JSON.parse(jobs)) {
  const tab = await browser.newPage();
  await tab.setViewport({ width, height, deviceScaleFactor: 1 });
  await tab.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: scheme },
    { name: "prefers-reduced-motion", value: "reduce" },
  ]);
  await tab.goto(pathToFileURL(page).href + hash, { waitUntil: "load" });
  if (picture.endsWith(".pdf")) await tab.pdf({ path: picture, format: "A4" });
  else await tab.screenshot({ path: picture });
  await tab.close();
}
await browser.close();
