/* What the stock admin's tables and pickers lack for whoever hears or types their way; all of it works without as well. */

"use strict";

function mend(root) {
  for (const tip of root.querySelectorAll("span.help-tooltip[aria-label]")) tip.setAttribute("role", "img");
  for (const group of root.querySelectorAll(".inline-group[data-inline-type='tabular']")) {
    const headings = [...group.querySelectorAll("thead th")];
    for (const heading of headings) {
      if (!heading.textContent.trim()) heading.replaceWith(Object.assign(document.createElement("td"), { className: heading.className }));
    }
    for (const cell of group.querySelectorAll("tbody td[class*='field-'], tbody td.delete")) {
      const name = (cell.className.match(/field-(\w+)/) || [])[1];
      const heading = name ? group.querySelector(`thead th.column-${name}`) : group.querySelector("thead th:last-child");
      for (const control of cell.querySelectorAll("input:not([type='hidden']), select, textarea")) {
        if (heading && !control.labels.length && !control.ariaLabel) control.ariaLabel = heading.textContent.trim();
      }
    }
    if (!group.querySelector("tbody a, tbody input:not([type='hidden'])")) {
      group.tabIndex = 0;
      group.setAttribute("role", "group");
      group.ariaLabel = group.querySelector("h2").textContent.trim();
    }
  }
}

addEventListener("load", () => mend(document));
document.addEventListener("formset:added", () => mend(document));
