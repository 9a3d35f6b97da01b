
"use strict";
(() => {
  const main = document.querySelector("main");
  const status = document.querySelector("output");
  /** Word element → the words it is linked to, in all columns. */
  const mates = new Map();
  const prepared = new WeakSet();
  const sentencesOf = (cell) => [...cell.children].filter((child) => child.localName === "span");

  /** Makes elements of the words of a sentence; white space cuts them as in the program. */
  function cut(sentence) {
    const text = sentence.textContent;
    const parts = [];
    const words = [];
    let end = 0;
    for (const match of text.matchAll(/\P{White_Space}+/gu)) {
      const word = document.createElement("span");
      word.textContent = match[0];
      mates.set(word, []);
      words.push(word);
      parts.push(text.slice(end, match.index), word);
      end = match.index + match[0].length;
    }
    sentence.replaceChildren(...parts, text.slice(end));
    return words;
  }

  /** "Bc": capitals are the high digits of a number with base 26. */
  const numberOf = ([letters]) =>
    [...letters.toLowerCase()].reduce((high, letter) => high * 26 + letter.charCodeAt(0) - 97, 0);

  /** Cuts the sentences of a row, and links their words. */
  function prepare(row) {
    if (prepared.has(row)) return;
    prepared.add(row);
    const [source, ...targets] = [...row.children].map(sentencesOf);
    source.forEach((sentence, index) => {
      const sourceWords = cut(sentence);
      for (const target of targets) {
        const words = cut(target[index]);
        let after = 0;
        for (const [, tenths, letters] of (target[index].dataset.w ?? "").matchAll(/(\d)(-|[A-Za-z]*)/g)) {
          const word = words.shift();
          word.dataset.tenths = tenths;
          word.className = tenths < 3 ? "low" : tenths < 7 ? "mid" : "";
          const links = letters ? [...letters.matchAll(/[A-Z]*[a-z]/g)].map(numberOf) : [after];
          for (const link of links) {
            mates.get(word).push(sourceWords[link]);
            mates.get(sourceWords[link]).push(word);
            after = link + 1;
          }
        }
      }
    });
  }

  const isShown = (element) => element.offsetParent !== null;
  const rowOf = (element) => element.closest("main > div");
  const twinsOf = (sentence) => {
    const index = sentencesOf(sentence.parentElement).indexOf(sentence);
    return [...rowOf(sentence).children].map((cell) => sentencesOf(cell)[index]);
  };

  let lit = [];
  function light(elements, name) {
    for (const element of elements) {
      element.classList.add(name);
      lit.push([element, name]);
    }
  }

  /** Lights a sentence and its twins, and in them a word and its counterparts. */
  function show(sentence, word) {
    for (const [element, name] of lit) element.classList.remove(name);
    lit = [];
    status.textContent = "";
    if (!sentence) return;
    light(twinsOf(sentence), "lit");
    if (!word) return;
    light([word], "on");
    light(mates.get(word), "mate");
    status.textContent = describe(word);
  }

  const sureness = { 0: " (under 10 %)", 9: " (over 90 %)" };
  const probability = ({ dataset: { tenths } }) =>
    tenths === undefined ? "" : (sureness[tenths] ?? ` (${tenths}0–${+tenths + 1}0 %)`);

  function describe(word) {
    const shown = mates.get(word).filter(isShown);
    const others = shown.map((mate) => mate.textContent + probability(mate));
    return `${word.textContent}${probability(word)} — ${others.join(" · ") || "no counterpart"}`;
  }

  /** The sentence and the word that an element belongs to. */
  function find(element) {
    const sentence = element?.closest?.("main > div > * > span");
    if (!sentence) return [];
    prepare(rowOf(sentence));
    return [sentence, mates.has(element) ? element : undefined];
  }

  // One word can be reached with the tab key; from there, arrows lead on.
  let current;
  function choose(word) {
    current?.removeAttribute("tabindex");
    current = word;
    current.tabIndex = 0;
  }
  function focus(word) {
    if (!word) return;
    choose(word);
    word.focus();
  }

  /** The sentence that many sentences further in the same column. */
  function sentenceAfter(sentence, step) {
    const cell = sentence.parentElement;
    const column = [...cell.parentElement.children].indexOf(cell);
    const next = sentencesOf(cell)[sentencesOf(cell).indexOf(sentence) + step];
    if (next) return next;
    for (let row = rowOf(sentence); (row = step > 0 ? row.nextElementSibling : row.previousElementSibling); ) {
      if (row.localName !== "div") continue;
      prepare(row);
      const found = sentencesOf(row.children[column]).at(step > 0 ? 0 : -1);
      if (found?.children.length) return found;
    }
  }

  function wordAfter(word, step) {
    const sentence = word.parentElement;
    const next = step > 0 ? word.nextElementSibling : word.previousElementSibling;
    return next ?? [...(sentenceAfter(sentence, step)?.children ?? [])].at(step > 0 ? 0 : -1);
  }

  /** A word's counterpart; else the first word of the sentence's twin. */
  function counterpart(word) {
    const mate = mates.get(word).find(isShown);
    if (mate) return mate;
    const twin = twinsOf(word.parentElement).find((twin) => twin !== word.parentElement && isShown(twin));
    return twin?.firstElementChild;
  }

  const keys = {
    ArrowLeft: (word) => wordAfter(word, -1),
    ArrowRight: (word) => wordAfter(word, 1),
    ArrowUp: (word) => sentenceAfter(word.parentElement, -1)?.firstElementChild,
    ArrowDown: (word) => sentenceAfter(word.parentElement, 1)?.firstElementChild,
    Home: (word) => word.parentElement.firstElementChild,
    End: (word) => word.parentElement.lastElementChild,
    Enter: counterpart,
    Escape: (word) => void word.blur(),
  };

  main.addEventListener("pointerover", (event) => show(...find(event.target)));
  main.addEventListener("pointerleave", () => show(...find(document.activeElement)));
  main.addEventListener("focusin", (event) => show(...find(event.target)));
  main.addEventListener("focusout", () => show());
  main.addEventListener("click", (event) => focus(find(event.target)[1]));
  main.addEventListener("keydown", (event) => {
    const key = keys[event.key];
    if (!key || event.ctrlKey || event.altKey || event.metaKey || !mates.has(event.target)) return;
    event.preventDefault();
    focus(key(event.target));
  });

  const sure = document.querySelector("#sure");
  sure.hidden = false;
  sure.addEventListener("click", () => {
    const on = main.classList.toggle("sure");
    sure.setAttribute("aria-pressed", on);
  });

  const toCheck = main.getElementsByClassName("check");
  const flagged = [...toCheck].filter((element) => element.localName === "span");
  const next = document.querySelector("#next");
  next.hidden = flagged.length === 0;
  next.textContent = `${flagged.length} to check`;
  let visited = -1;
  next.addEventListener("click", () => {
    const shown = flagged.filter(isShown);
    if (shown.length === 0) return;
    visited = (visited + 1) % shown.length;
    prepare(rowOf(shown[visited]));
    shown[visited].scrollIntoView({ block: "center" });
    focus(shown[visited].firstElementChild);
  });

  const rows = [...main.children].filter((row) => row.localName === "div");
  const watch = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        prepare(target);
        watch.unobserve(target);
        if (!current && target.querySelector("span > span")) choose(target.querySelector("span > span"));
      }
    },
    { rootMargin: "50%" },
  );
  rows.forEach((row) => watch.observe(row));
})();
