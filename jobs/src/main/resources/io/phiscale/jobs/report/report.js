// Sorts a table when a column's button is pressed: first the useful direction, then the other one.
"use strict";
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const status = document.getElementById("sort-status");
  heads.forEach((head, index) => {
    head.querySelector("button").addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const first = head.dataset.first;
      const other = first === "ascending" ? "descending" : "ascending";
      const order = before === first ? other : first;
      for (const each of heads) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const words = head.classList.contains("word");
      const value = row => row.cells[index].dataset.value;
      const rows = [...body.rows].sort((a, b) => {
        const x = value(a), y = value(b);
        if (x === "" || y === "") return (x === "") - (y === "");
        return sign * (words ? x.localeCompare(y, "en", { numeric: true }) : Number(x) - Number(y));
      });
      body.append(...rows);
      status.textContent = "Sorted by " + head.querySelector("button").textContent + ", " + order;
    });
  });
}
