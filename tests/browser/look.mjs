// Looks at a page as a person would and says what is there, as JSON on one line.
//   node look.mjs CHROMIUM PAGE [brief]        brief: without keys, links, playing, tables and paper

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [chromium, page, brief] = process.argv.slice(2);
const address = pathToFileURL(page).href;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await puppeteer.launch({
  executablePath: chromium, headless: true, args: ["--no-sandbox", "--disable-gpu"],
});

const requests = [];
const errors = [];

async function opened(hash = "", features = []) {
  const tab = await browser.newPage();
  tab.on("request", (request) => {
    if (!request.url().startsWith(address)) requests.push(request.url());
  });
  tab.on("pageerror", (error) => errors.push(String(error)));
  tab.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) errors.push(message.text());
  });
  await tab.setViewport({ width: 1200, height: 900 });
  await tab.emulateMediaFeatures(features);
  await tab.goto(address + hash, { waitUntil: "load" });
  return tab;
}

async function violations(tab, scheme, hash) {
  await tab.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: scheme },
    { name: "prefers-reduced-motion", value: "reduce" },
  ]);
  await tab.evaluate((state) => { location.hash = state; }, hash);
  const found = await tab.evaluate(async (which) => {
    document.querySelectorAll(which).forEach((part) => { part.open = true; });
    const result = await window.axe.run(document, { resultTypes: ["violations"] });
    return result.violations.map((v) => `${v.id}: ${v.nodes[0].html} ${v.nodes[0].failureSummary}`);
  }, brief ? "details[data-group='0']" : "details");
  const running = await tab.evaluate(() => document.getAnimations().length);
  return { found, running };
}

const state = (tab) => tab.evaluate(() => {
  const panel = document.querySelector("[role=tabpanel]:not([hidden])");
  return {
    view: panel.dataset.view,
    hash: location.hash,
    said: [...panel.querySelectorAll("output")].map((x) => x.textContent),
    panel: panel.querySelector(".panel").textContent,
    now: [...panel.querySelectorAll(".graph .node.now")].map((x) => x.getAttribute("aria-label")),
    backward: [...panel.querySelectorAll(".graph .edge.backward")].map((x) => [x.dataset.from, x.dataset.to]),
    forward: [...panel.querySelectorAll(".graph .edge.forward")].map((x) => [x.dataset.from, x.dataset.to]),
    labels: Object.fromEntries([...panel.querySelectorAll(".graph .node")].map((x) => [
      x.querySelector(".name").textContent, x.getAttribute("aria-label")])),
    way: panel.querySelector(".way")?.getAttribute("points").split(" ").length,
  };
});

async function keyboard() {
  const tab = await opened("");
  const seen = [await state(tab)];
  for (const key of ["ArrowRight", "ArrowRight", "ArrowLeft", "End", "Home"]) {
    await tab.keyboard.press(key);
    seen.push(await state(tab));
  }
  const order = [];
  for (let i = 0; i < 12; i++) {
    await tab.keyboard.press("Tab");
    order.push(await tab.evaluate(() => {
      const it = document.activeElement;
      return it.getAttribute("aria-label") ?? (it.labels?.[0] ?? it).textContent.trim();
    }));
  }
  await tab.close();
  return { seen, order };
}

async function links() {
  const seen = {};
  for (const hash of ["#step=14", "#update=3", "#a=9&k=12", "#step=99999", "#step=no"]) {
    const tab = await opened(hash);
    seen[hash] = await state(tab);
    await tab.close();
  }
  const tab = await opened("#step=1");
  await tab.evaluate(() => { location.hash = "#step=2"; });
  await tab.waitForFunction(() => document.querySelector("output").textContent.includes("2 of"));
  seen.changed = await state(tab);
  await tab.close();
  return seen;
}

async function printed() {
  const tab = await opened("#step=8");
  await tab.evaluate(() => dispatchEvent(new Event("beforeprint")));
  await tab.emulateMediaType("print");
  await tab.setViewport({ width: 720, height: 1000 });
  const facts = await tab.evaluate(() => ({
    widest: Math.max(...[...document.querySelectorAll("svg, table, math")].map(
      (x) => x.getBoundingClientRect().right)),
    width: document.documentElement.clientWidth,
    open: [...document.querySelectorAll("details")].every((x) => x.open),
    rows: [...document.querySelectorAll(".steps tbody tr")].every((x) => x.offsetHeight > 0),
    panels: [...document.querySelectorAll("[role=tabpanel]")].every((x) => x.offsetHeight > 0),
  }));
  const bytes = brief ? 0 : (await tab.pdf({ format: "A4" })).length;
  await tab.close();
  return { ...facts, bytes };
}

async function narrow() {
  const tab = await opened("#step=8");
  await tab.setViewport({ width: 360, height: 800 });
  const wide = await tab.evaluate(() => document.documentElement.scrollWidth);
  await tab.close();
  return wide;
}

async function played() {
  const tab = await opened("");
  const pressed = await tab.evaluate(() => {
    const button = document.querySelector("[role=tabpanel]:not([hidden]) .play");
    button.dataset.pause = "1";
    button.click();
    return button.textContent;
  });
  await tab.waitForFunction(() => document.querySelector(
    "[role=tabpanel]:not([hidden]) .play").textContent.includes("Play"));
  const end = await state(tab);
  await tab.close();
  return { pressed, end };
}

// the module as a notebook's widget uses it, with a model that remembers what it is told
async function widget() {
  const tab = await browser.newPage();
  await tab.goto(address, { waitUntil: "load" });
  const seen = await tab.evaluate(async () => {
    const text = document.querySelector("script[type=module]").textContent;
    const module = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
    const told = {};
    const state = { html: document.querySelector(".tn-page").outerHTML, step: 2 };
    const model = {
      get: (name) => state[name],
      set: (name, value) => { state[name] = value; },
      save_changes: () => { told.saved = state.step; },
      on: (event, follow) => { told.follow = follow; },
      off: (event) => { told.off = event; },
    };
    const el = document.createElement("div");
    document.body.replaceChildren(el);
    const hash = location.hash;
    const close = module.default.render({ model, el });
    const said = () => el.querySelector("output").textContent;
    const first = said();
    el.querySelector(".next").click();
    const saved = told.saved;
    state.step = 7;
    told.follow();
    const followed = said();
    close();
    return { first, saved, followed, off: told.off, linked: location.hash !== hash };
  });
  await tab.close();
  return seen;
}

const tabs = await (async () => {
  const tab = await opened("");
  const hashes = await tab.evaluate(() => [...document.querySelectorAll("[role=tab]")].map(
    (x) => ({ step: "#step=8", training: "#update=2", lab: "#a=9&k=5" })[x.dataset.view]));
  await tab.close();
  return hashes.length ? hashes : ["#step=8"];
})();

const report = { axe: [], running: 0 };
const tab = await opened();
await tab.evaluate(axe);
for (const scheme of ["light", "dark"]) {
  for (const hash of tabs) {
    const { found, running } = await violations(tab, scheme, hash);
    report.axe.push(...found.map((x) => `${scheme} ${hash} ${x}`));
    report.running += running;
  }
}
report.checked = 2 * tabs.length;
report.print = await printed();
report.narrow = await narrow();
if (!brief) {
  report.keyboard = await keyboard();
  report.links = await links();
  report.played = await played();
  report.widget = await widget();
}
report.requests = requests;
report.errors = errors;
await browser.close();
process.stdout.write(JSON.stringify(report));
