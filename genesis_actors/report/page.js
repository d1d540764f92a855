"use strict";
(() => {
  const themes = {
    light: { other: "#7d4fa8", good: "#1a7f4b", bad: "#c0392b", line: "#2b5fb4", soft: "#8fa9d0", mark: "#c8701a", edge: "#6b7280",
      band: "rgba(43,95,180,.14)", shade: "rgba(110,120,135,.18)", paper: "#ffffff", text: "#1c2430", grid: "#dfe4ec" },
    dark: { other: "#c39be8", good: "#4cc38a", bad: "#ef7d70", line: "#7fa8e8", soft: "#4d6a9a", mark: "#f0a355", edge: "#9aa5b5",
      band: "rgba(127,168,232,.18)", shade: "rgba(160,170,185,.18)", paper: "#12161d", text: "#e4e8ef", grid: "#2d3643" },
  };
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const isDark = matchMedia("(prefers-color-scheme: dark)");
  const paint = (value, theme) => {
    if (typeof value === "string") return value.startsWith("$") && value.slice(1) in theme ? theme[value.slice(1)] : value;
    if (Array.isArray(value)) return value.map((each) => paint(each, theme));
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, paint(each, theme)]));
    return value;
  };
  const axis = (theme) => ({ gridcolor: theme.grid, zerolinecolor: theme.edge, linecolor: theme.grid, automargin: true });
  const draw = (theme, width) => {
    for (const [name, chart] of Object.entries(charts)) {
      const place = document.getElementById("chart-" + name);
      const { data, layout } = paint(chart, theme);
      const shown = {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: theme.text, size: 12 },
        margin: { l: 40, r: 12, t: 12, b: 36 }, showlegend: data.length > 1,
        legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, bgcolor: "rgba(0,0,0,0)" }, hovermode: "closest",
        ...layout, ...(width ? { width, height: 300 } : {}),
        xaxis: { ...axis(theme), ...(layout.xaxis || {}) }, yaxis: { ...axis(theme), ...(layout.yaxis || {}) },
      };
      Plotly.react(place, data, shown, { displayModeBar: false, responsive: !width });
    }
  };
  const isPaper = matchMedia("print");
  const current = () => (isDark.matches && !isPaper.matches ? themes.dark : themes.light);
  if (typeof Plotly !== "undefined") {
    draw(current());
    for (const query of [isDark, isPaper]) query.addEventListener("change", () => draw(current()));
    addEventListener("beforeprint", () => draw(themes.light, 680));
    addEventListener("afterprint", () => draw(current()));
  } else {
    for (const place of document.querySelectorAll(".chart"))
      place.textContent = "plotly.min.js is not beside this file, so there are no charts.";
  }
  // A figure with or without a unit behind it; names and times are none, whatever they begin with.
  const figure = (text) => (/^[+-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?( [^\d\s]+)?$/i.test(text)
    ? Number.parseFloat(text.replaceAll(",", "")) : null);
  for (const table of document.querySelectorAll("table")) {
    const heads = [...table.querySelectorAll("th")];
    heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
      const descends = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descends ? "descending" : "ascending");
      const body = table.tBodies[0];
      const rows = [...body.rows].map((row) => ({ row, text: row.cells[column].textContent }));
      rows.sort((a, b) => {
        const [x, y] = [figure(a.text), figure(b.text)];
        const isKnown = (each) => each.text !== "" && each.text !== "-" && each.text !== "too few";
        if (isKnown(a) !== isKnown(b)) return isKnown(a) ? -1 : 1;  // What is not known comes last either way.
        const order = x !== null && y !== null ? x - y : a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
        return descends ? -order : order;
      });
      body.append(...rows.map((each) => each.row));
    }));
  }
})();
