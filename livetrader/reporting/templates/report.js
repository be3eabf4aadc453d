// A click on a column's name sorts its table; numbers and times by their key, texts by the alphabet.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement;
    const body = head.closest("table").tBodies[0];
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
    const value = (row) => row.cells[head.cellIndex].dataset.key ?? row.cells[head.cellIndex].textContent;
    const number = (row) => (value(row) === "" ? -Number.MAX_VALUE : Number(value(row)));
    const order = [...body.rows].every((row) => !Number.isNaN(number(row)))
      ? (a, b) => number(a) - number(b)
      : (a, b) => value(a).localeCompare(value(b));
    body.append(...[...body.rows].sort((a, b) => sign * order(a, b)));
  });
}
