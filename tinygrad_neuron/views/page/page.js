// A page that steps through a trace. Everything it shows stands in the page already: the texts and
// formulas in tables, the numbers of the pictures in an island of JSON. This only chooses.

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

// ---------------------------------------------------------------------- state that a link carries

function readLink() {
  const found = {};
  for (const [key, text] of new URLSearchParams(location.hash.slice(1))) found[key] = Number(text);
  return found;
}

function writeLink(state) {
  try {
    history.replaceState(null, "", "#" + new URLSearchParams(state));
  } catch {
    // inside a frame without an address of its own there is no link to write
  }
}

// ------------------------------------------------------------------------------------- a slider

// A range with its buttons: `show(i)` is called with where it stands. Gives back `go(i)`.
function slider(box, show, announce) {
  const range = box.querySelector("input[type=range]");
  const said = box.querySelector("output");
  const [back, next, play] = ["back", "next", "play"].map((x) => box.querySelector(`.${x}`));
  const last = Number(range.max);
  let timer = 0;

  function stop() {
    clearInterval(timer);
    timer = 0;
    if (play) play.textContent = "▶ Play";
  }

  function go(i, tell = true) {
    const at = clamp(Math.round(i) || 0, 0, last);
    range.value = at;
    const text = show(at);
    said.textContent = text;
    range.setAttribute("aria-valuetext", text);
    if (back) back.disabled = at === 0;
    if (next) next.disabled = at === last;
    if (tell) announce();
  }

  function start() {
    if (Number(range.value) === last) go(0);
    play.textContent = "❚❚ Pause";
    timer = setInterval(() => {
      if (Number(range.value) === last) stop();
      else go(Number(range.value) + 1);
    }, Number(play.dataset.pause));
  }

  const user = (i) => { stop(); go(i); };
  range.addEventListener("input", () => user(Number(range.value)));
  back?.addEventListener("click", () => user(Number(range.value) - 1));
  next?.addEventListener("click", () => user(Number(range.value) + 1));
  play?.addEventListener("click", () => (timer ? stop() : start()));
  return { go, user, stop, at: () => Number(range.value), last };
}

// ------------------------------------------------------------------------------------- one step

function stepper(view, data, announce) {
  const panel = view.querySelector(".panel");
  const rows = [...view.querySelectorAll(".steps.main > tbody > tr")];
  const nodes = new Map();
  const groups = [...view.querySelectorAll(".graph .group")].map((group) => [
    group, new Set(group.dataset.nodes.split(" ").map(Number)),
  ]);
  for (const node of view.querySelectorAll(".graph .node[data-node]")) {
    const id = Number(node.dataset.node);
    nodes.set(id, [...(nodes.get(id) ?? []), node]);
  }
  const edges = [...view.querySelectorAll(".graph .edge")];

  function numbersAt(last) {
    const value = new Map(Object.entries(data.leaves).map(([id, text]) => [Number(id), text]));
    const gradient = new Map();
    for (const step of data.steps.slice(0, last + 1)) {
      if (step.kind === "forward" || step.kind === "update") value.set(step.node, step.text);
      else if (step.kind !== "start") gradient.set(step.input, step.text);
    }
    return { value, gradient };
  }

  function drawNode(id, group, step, { value, gradient }) {
    const owed = gradient.get(id) ?? "";
    group.querySelector(".value").textContent = value.get(id) ?? "";
    group.querySelector(".gradient").textContent = owed && `grad ${owed}`;
    const active = id === step.node || id === step.input;
    group.setAttribute("class", `${group.dataset.kind} ${active ? `now ${step.kind}` : ""}`);
    const texts = [...group.querySelectorAll("text")].map((text) => text.textContent);
    group.setAttribute("aria-label", texts.filter(Boolean).join(", "));
  }

  function drawEdge(edge, step) {
    const from = edge.dataset.from.split(" ").map(Number);
    const to = edge.dataset.to.split(" ").map(Number);
    const forward = step.kind === "forward" && to.includes(step.node) && !from.includes(step.node);
    const backward = step.kind === "backward" && to.includes(step.node) && from.includes(step.input);
    edge.setAttribute("class", `edge ${forward ? "forward" : backward ? "backward" : ""}`);
  }

  for (const [group] of groups) {
    const open = () => {
      const part = view.querySelector(`details[data-group="${group.dataset.group}"]`);
      part.open = true;
      part.querySelector("summary").focus();
    };
    group.addEventListener("click", open);
    group.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      open();
    });
  }

  // a wide graph scrolls inside its frame, so that what a step is about can be seen
  function reveal() {
    for (const frame of view.querySelectorAll(".scroll:has(.graph)")) {
      const active = [...frame.querySelectorAll(".now")].map((x) => x.getBoundingClientRect());
      if (!active.length) continue;
      const seen = frame.getBoundingClientRect();
      const left = Math.min(...active.map((x) => x.left)), right = Math.max(...active.map((x) => x.right));
      if (left < seen.left || right > seen.right) {
        frame.scrollLeft += (left + right) / 2 - (seen.left + seen.right) / 2;
      }
    }
  }

  function tell(at) {
    const [number, kind, what, formula] = rows[at].children;
    const title = document.createElement("h3");
    title.textContent = `Step ${number.textContent}: ${kind.textContent}`;
    const parts = [what, formula].flatMap((cell) => [...cell.cloneNode(true).childNodes]);
    panel.replaceChildren(title, ...parts);
    panel.className = `panel ${data.steps[at].kind}`;
  }

  return slider(view, (at) => {
    const step = data.steps[at];
    const numbers = numbersAt(at);
    for (const [id, groups] of nodes) for (const group of groups) drawNode(id, group, step, numbers);
    for (const edge of edges) drawEdge(edge, step);
    for (const [group, inside] of groups) {
      const active = inside.has(step.node) || inside.has(step.input);
      group.setAttribute("class", `node group ${active ? `now ${step.kind}` : ""}`);
    }
    rows.forEach((row, i) => row.classList.toggle("now", i === at));
    tell(at);
    reveal();
    return `step ${at} of ${data.steps.length - 1}`;
  }, announce);
}

// ------------------------------------------------------------------------------------- training

function training(view, data, announce) {
  const panel = view.querySelector(".panel");
  const rows = [...view.querySelectorAll(".steps.main > tbody > tr")];
  const spot = view.querySelector(".spot");

  return slider(view, (at) => {
    rows.forEach((row, i) => row.classList.toggle("now", i === at));
    const heads = [...view.querySelectorAll(".steps.main > thead th")].map((x) => x.textContent);
    const facts = [...rows[at].children].map((cell, i) => [heads[i], cell.textContent]);
    panel.replaceChildren(...facts.map(([name, number]) => {
      const fact = document.createElement("p");
      const said = document.createElement("span");
      said.className = "soft";
      said.textContent = `${name} `;
      fact.append(said, number);
      return fact;
    }));
    const [x, y] = data.points[at];
    spot.setAttribute("cx", x);
    spot.setAttribute("cy", y);
    return `${data.unit} ${rows[at].children[0].textContent} of ${rows.at(-1).children[0].textContent}`;
  }, announce);
}

// ------------------------------------------------------------------------------------- the lab

function laboratory(view, data, announce) {
  const [rates, steps] = view.querySelectorAll(".controls");
  const map = view.querySelector(".map");
  const chart = view.querySelector(".chart");
  const panel = view.querySelector(".panel");
  const line = (points) => points.map(([x, y]) => `${x},${y}`).join(" ");

  function draw() {
    const run = data.runs[rate.at()];
    const k = Math.min(step.at(), run.way.length - 1);
    const curve = run.curve.map((y, i) => [data.left + i * data.pace, y]);
    map.querySelector(".way").setAttribute("points", line(run.way.slice(0, k + 1)));
    const dots = run.way.slice(0, k + 1).map(([x, y]) => `M${x} ${y}h0`);
    map.querySelector(".dots").setAttribute("d", dots.join(""));
    const [x, y] = run.way[k];
    const spot = map.querySelector(".spot");
    spot.setAttribute("cx", x);
    spot.setAttribute("cy", y);
    chart.querySelector(".all").setAttribute("points", line(curve));
    const on = chart.querySelector(".spot");
    on.setAttribute("cx", curve[k][0]);
    on.setAttribute("cy", curve[k][1]);
    const told = [run.told, `After ${k} updates: J = ${run.losses[k]}, at (${run.at[k]}).`];
    if (k < step.at()) told.push(`It stopped there: ${run.ending}.`);
    panel.replaceChildren(...told.map((text) => {
      const p = document.createElement("p");
      p.textContent = text;
      return p;
    }));
  }

  let ready = false;
  const show = (text) => (i) => { if (ready) draw(); return text(i); };
  const rate = slider(rates, show((i) => `alpha = ${data.runs[i].alpha}`), announce);
  const step = slider(steps, show((i) => `after ${i} updates`), announce);
  return {
    rate, step,
    go(a, k) { rate.go(a, false); step.go(k, false); ready = true; draw(); },
  };
}

// ------------------------------------------------------------------------------------- the page

export function mount(root, { linked = true, onstep = null } = {}) {
  const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const tabs = [...root.querySelectorAll("[role=tab]")];
  const panels = [...root.querySelectorAll("[role=tabpanel]")];
  const views = {};
  let shown = "";

  const state = {
    step: () => ({ step: views.step.at() }),
    training: () => ({ update: views.training.at() }),
    lab: () => ({ a: views.lab.rate.at(), k: views.lab.step.at() }),
  };
  const announce = () => {
    if (linked) writeLink(state[shown]());
    if (shown === "step") onstep?.(views.step.at());
  };

  function open(name) {
    shown = name;
    panels.forEach((panel) => { panel.hidden = panel.dataset.view !== name; });
    tabs.forEach((tab) => {
      const chosen = tab.dataset.view === name;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
    });
  }

  function follow(found) {
    const chosen = "a" in found || "k" in found ? "lab" : "update" in found ? "training" : "step";
    open(chosen in views ? chosen : panels[0].dataset.view);
    views.step?.go(found.step ?? 0, false);
    views.training?.go(found.update ?? 0, false);
    views.lab?.go(found.a ?? data.lab.first, found.k ?? 0);
  }

  for (const panel of panels) {
    const name = panel.dataset.view;
    const make = { step: stepper, training, lab: laboratory }[name];
    views[name] = make(panel, data[name], announce);
  }
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => { open(tab.dataset.view); announce(); });
    tab.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!way) return;
      const next = tabs[(i + way + tabs.length) % tabs.length];
      open(next.dataset.view);
      next.focus();
      announce();
      event.preventDefault();
      event.stopPropagation();
    });
  });
  (linked ? document : root).addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, summary, [role=tab]")) return;
    const frame = event.target.closest(".scroll, .panel");
    if (frame && frame.scrollWidth > frame.clientWidth) return; // there the arrows scroll
    const view = shown === "lab" ? views.lab.step : views[shown];
    const to = {
      ArrowLeft: view.at() - 1, ArrowRight: view.at() + 1, Home: 0, End: view.last,
    }[event.key];
    if (to === undefined) return;
    view.user(to);
    event.preventDefault();
  });

  if (linked) {
    addEventListener("hashchange", () => follow(readLink()));
    addEventListener("beforeprint", () => {
      root.querySelectorAll("details").forEach((part) => { part.open = true; });
    });
  }
  follow(linked ? readLink() : {});
  return views;
}

// a widget of a notebook: the same page inside a cell, with the step as a number of Python's
export default {
  render({ model, el }) {
    el.innerHTML = model.get("html");
    const root = el.firstElementChild;
    const views = mount(root, {
      linked: false,
      onstep: (at) => { model.set("step", at); model.save_changes(); },
    });
    const follow = () => views.step?.go(model.get("step"), false);
    model.on("change:step", follow);
    follow();
    return () => model.off("change:step", follow);
  },
};
