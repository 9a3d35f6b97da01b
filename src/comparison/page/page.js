
"use strict";
(() => {
  const { systems, segments } = JSON.parse(document.getElementById("data").textContent);
  const element = (id) => document.getElementById(id);
  const [find, system, other, problem, order, source, list, more] =
    ["find", "system", "other", "problem", "order", "source", "list", "more"].map(element);
  const step = 50;
  let chosen = [];

  const make = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const option = (select, value, label) => {
    const made = make("option", label);
    made.value = value;
    select.append(made);
  };

  systems.forEach((name, index) => {
    option(system, index, name);
    option(other, index, name);
  });
  if (systems.length > 1) other.value = "1";
  else other.parentElement.hidden = true;
  const kinds = new Set(segments.flatMap(({ outputs }) => outputs.flatMap((of) => of.problems.map(([kind]) => kind))));
  option(problem, "", "all segments");
  option(problem, "*", "any problem");
  for (const kind of [...kinds].sort()) option(problem, kind, kind);
  if (segments.every((segment) => segment.source === undefined)) source.parentElement.hidden = true;

  // The words that two texts share in order: [in both, only first, only second].
  const difference = (first, second) => {
    const [a, b] = [first, second].map((text) => text.match(/\S+\s*/g) ?? []);
    const same = (i, j) => a[i].trimEnd() === b[j].trimEnd();
    if (a.length * b.length > 4e6) return [["del", first], ["ins", second]];
    const width = b.length + 1;
    const lengths = new Uint32Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i--) {
      for (let j = b.length - 1; j >= 0; j--) {
        lengths[i * width + j] = same(i, j)
          ? lengths[(i + 1) * width + j + 1] + 1
          : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
      }
    }
    const parts = [];
    const push = (kind, word) => {
      const last = parts[parts.length - 1];
      if (last && last[0] === kind) last[1] += word;
      else parts.push([kind, word]);
    };
    let [i, j] = [0, 0];
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && same(i, j)) {
        push("", b[j++]);
        i++;
      } else if (j < b.length && (i === a.length || lengths[i * width + j + 1] > lengths[(i + 1) * width + j])) {
        push("ins", b[j++]);
      } else {
        push("del", a[i++]);
      }
    }
    return parts;
  };

  const row = (definitions, name, value) => {
    definitions.append(make("dt", name), value);
    return value;
  };

  const item = (index) => {
    const { source: original, references, outputs } = segments[index];
    const made = make("li");
    made.id = `segment${index + 1}`;
    made.tabIndex = -1;
    made.append(make("h3", `Segment ${index + 1}`));
    const definitions = make("dl");
    if (source.checked && original !== undefined) row(definitions, "Source", make("dd", original));
    references.forEach((text, number) => {
      row(definitions, references.length > 1 ? `Reference ${number + 1}` : "Reference", make("dd", text));
    });
    outputs.forEach(({ text, bleu, chrf, ratio, problems }, number) => {
      const value = row(definitions, systems[number], make("dd"));
      for (const [kind, words] of difference(references[0], text)) {
        // The space behind a mark is not part of it.
        const end = words.trimEnd();
        if (kind === "del") value.append(make("del", end), " ");
        else if (kind) value.append(make("ins", end), words.slice(end.length));
        else value.append(words);
      }
      const length = ratio === null ? "" : ` · length ${ratio.toFixed(2)}`;
      value.append(make("small", `chrF ${chrf.toFixed(1)} · BLEU ${bleu.toFixed(1)}${length}`));
      for (const [kind, words] of problems) {
        value.append(make("small", words ? `${kind}: ${words}` : kind, "problem"));
      }
    });
    made.append(definitions);
    return made;
  };

  const ranks = {
    worst: (of) => of.chrf,
    best: (of) => -of.chrf,
    place: () => 0,
    gain: (of, than) => than.chrf - of.chrf,
    loss: (of, than) => of.chrf - than.chrf,
    long: (of) => -(of.ratio ?? 0),
    short: (of) => of.ratio ?? Infinity,
  };

  const show = () => {
    const start = list.childElementCount;
    for (const index of chosen.slice(start, start + step)) list.append(item(index));
    more.hidden = list.childElementCount >= chosen.length;
  };

  const choose = () => {
    const [one, two] = [Number(system.value), Number(other.value)];
    const wanted = find.value.toLocaleLowerCase();
    const rank = ranks[order.value];
    chosen = segments.map((_, index) => index).filter((index) => {
      const { source: original, references, outputs } = segments[index];
      const { problems } = outputs[one];
      if (problem.value === "*" && problems.length === 0) return false;
      if (problem.value !== "" && problem.value !== "*" && !problems.some(([kind]) => kind === problem.value)) return false;
      const texts = [original ?? "", ...references, ...outputs.map(({ text }) => text)];
      return wanted === "" || texts.some((text) => text.toLocaleLowerCase().includes(wanted));
    });
    const keys = new Map(chosen.map((index) => [index, rank(segments[index].outputs[one], segments[index].outputs[two] ?? segments[index].outputs[one])]));
    chosen.sort((a, b) => keys.get(a) - keys.get(b) || a - b);
    element("count").textContent = `${chosen.length} of ${segments.length} segments`;
    list.replaceChildren();
    show();
  };

  const svg = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  const goTo = (index) => {
    find.value = "";
    problem.value = "";
    order.value = "place";
    choose();
    while (list.childElementCount <= index) show();
    const target = element(`segment${index + 1}`);
    target.scrollIntoView({ block: "center" });
    target.focus();
  };

  // Each point is a segment: right is better in one system, up in the other.
  const scatter = () => {
    const figure = element("scatter");
    if (systems.length < 2) return;
    figure.hidden = false;
    figure.querySelector("svg")?.remove();
    const [one, two] = [Number(system.value), Number(other.value)];
    const plot = svg("svg", { viewBox: "0 0 480 300", role: "group", "aria-label": `chrF of segments: ${systems[one]} to the right, ${systems[two]} upwards` });
    const at = (x, y) => [44 + x * 4.2, 250 - y * 2.4];
    for (const value of [0, 25, 50, 75, 100]) {
      const [x, y] = at(value, value);
      plot.append(svg("path", { class: "grid", d: `M44 ${y}H464M${x} 10V250` }));
      const across = svg("text", { class: "tick", x, y: 266 });
      const up = svg("text", { class: "tick end", x: 38, y: y + 4 });
      across.textContent = up.textContent = value;
      plot.append(across, up);
    }
    plot.append(svg("path", { class: "grid", d: "M44 250L464 10", "stroke-dasharray": "4 4" }));
    const names = [svg("text", { class: "tick", x: 254, y: 286 }), svg("text", { class: "tick", x: 12, y: 130, transform: "rotate(-90 12 130)" })];
    names[0].textContent = systems[one];
    names[1].textContent = systems[two];
    plot.append(...names);
    segments.forEach(({ outputs }, index) => {
      const [x, y] = at(Math.min(outputs[one].chrf, 100), Math.min(outputs[two].chrf, 100));
      const dot = svg("circle", { class: "dot", cx: x, cy: y, r: 3.5 });
      const title = svg("title", {});
      title.textContent = `Segment ${index + 1}: ${outputs[one].chrf.toFixed(1)}, ${outputs[two].chrf.toFixed(1)}`;
      dot.append(title);
      dot.addEventListener("click", () => goTo(index));
      plot.append(dot);
    });
    figure.append(plot);
  };

  element("controls").addEventListener("submit", (event) => event.preventDefault());
  for (const control of [find, system, other, problem, order, source]) control.addEventListener("input", choose);
  for (const control of [system, other]) control.addEventListener("input", scatter);
  more.addEventListener("click", () => {
    const next = chosen[list.childElementCount];
    show();
    element(`segment${next + 1}`)?.focus();
  });
  scatter();
  choose();
})();
