"use strict";
// The page is whole without this script; it adds sorting, filtering, the
// values of a tapped mark, and opens a proof that a link leads to.
document.documentElement.classList.add("js");

const table = document.getElementById("all-networks");
if (table) {
  const body = table.tBodies[0];
  const lines = Array.from(body.rows);
  const words = document.getElementById("words");
  const treatment = document.getElementById("treatment");
  const recipe = document.getElementById("recipe");
  const count = document.getElementById("count");
  const column = (name) =>
    Array.from(table.tHead.rows[0].cells).findIndex(
      (cell) => cell.textContent === name,
    );
  const treatments = column("treatment");
  const recipes = column("recipe");

  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const line of lines) {
      const text = line.textContent.toLowerCase();
      const fits =
        wanted.every((word) => text.includes(word)) &&
        (!treatment.value ||
          line.cells[treatments].textContent === treatment.value) &&
        (!recipe.value || line.cells[recipes].textContent === recipe.value);
      line.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${lines.length} networks`;
  };
  for (const field of [words, treatment, recipe]) {
    field.addEventListener("input", filter);
  }
  filter();

  const compare = (one, two) => {
    if (one === "" || two === "") return (one === "") - (two === "");
    const difference = Number(one) - Number(two);
    return Number.isNaN(difference) ? one.localeCompare(two) : difference;
  };
  Array.from(table.tHead.rows[0].cells).forEach((cell, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = cell.textContent;
    cell.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = cell.getAttribute("aria-sort") === "ascending";
      for (const other of cell.parentNode.cells) {
        other.removeAttribute("aria-sort");
      }
      cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      const keyed = lines.map((line) => [line.cells[index].textContent, line]);
      keyed.sort(([one], [two]) => {
        // An empty cell stays last, whichever way the rest is sorted.
        const empty = one === "" || two === "";
        return compare(one, two) * (down && !empty ? -1 : 1);
      });
      body.append(...keyed.map(([, line]) => line));
    });
  });
}

const tell = (event) => {
  const mark = event.target.closest && event.target.closest(".mark");
  if (!mark) return;
  const readout = mark.closest("figure").querySelector(".readout");
  readout.textContent = mark.querySelector("title").textContent;
};
document.addEventListener("pointerover", tell);
document.addEventListener("click", tell);

const openTarget = () => {
  const found = document.getElementById(location.hash.slice(1));
  if (!found || found.tagName !== "DETAILS") return;
  for (let one = found; one; one = one.parentElement.closest("details")) {
    one.open = true;
  }
  found.scrollIntoView();
};
addEventListener("hashchange", openTarget);
openTarget();
