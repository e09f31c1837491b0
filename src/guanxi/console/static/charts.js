// Charts from data: every `[data-chart]` holds a JSON description (see docs/guide/console-patterns.md) and is drawn with
// ECharts, which is loaded only by pages that have one. Colours come from the stylesheet, numbers follow the language.
(() => {
  "use strict";
  const script = document.currentScript;
  const root = document.documentElement;
  const zh = root.lang.startsWith("zh");
  const drawn = new Map();
  let loading = null;

  const load = () => {
    loading ||= new Promise((resolve, reject) => {
      const tag = document.createElement("script");
      tag.src = script.dataset.echarts;
      tag.onload = resolve;
      tag.onerror = reject;
      document.head.append(tag);
    });
    return loading;
  };

  // ---- numbers, as formats.py writes them -------------------------------------------------------------------------
  const units = zh ? [[1e12, "万亿"], [1e8, "亿"], [1e4, "万"]] : [[1e9, "B"], [1e6, "M"], [1e3, "k"]];
  const plain = (value, digits = 2) => value.toLocaleString("en-US", { maximumFractionDigits: digits });
  const short = (value) => {
    const size = Math.abs(value);
    if (size < (zh ? 1e4 : 1e3) || (size < 1e4 && !zh && size % 1000)) return plain(value);
    for (const [unit, name] of units) {
      if (size >= unit) return plain(value / unit, size / unit < 100 ? 1 : 0) + name;
    }
    return plain(value);
  };
  const writers = {
    fen: { short: (value) => (value < 0 ? "-" : "") + "¥" + short(Math.abs(value) / 100),
           full: (value) => (value < 0 ? "-" : "") + "¥" + (Math.abs(value) / 100).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 }) },
    ratio: { short: (value) => plain(value * 100, 1) + "%", full: (value) => plain(value * 100, 2) + "%" },
    count: { short, full: (value) => plain(value) },
  };
  const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text);
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const day = (text) => {
    const [, month, date] = text.split("-").map(Number);
    return zh ? `${month}月${date}日` : `${date} ${months[month - 1]}`;
  };
  const name = (text) => (isDay(text) ? day(text) : text);

  // ---- the look ---------------------------------------------------------------------------------------------------
  const colour = (variable) => getComputedStyle(root).getPropertyValue(variable).trim();
  const look = () => ({
    palette: [1, 2, 3, 4, 5, 6].map((index) => colour(`--gx-chart-${index}`)),
    ink: colour("--gx-chart-ink"), quiet: colour("--gx-chart-quiet"), line: colour("--gx-chart-line"),
    font: getComputedStyle(document.body).fontFamily,
  });

  const tooltip = (writer) => ({
    trigger: "axis",
    className: "gx-tip",
    appendTo: "body",
    padding: 0,
    borderWidth: 0,
    backgroundColor: "transparent",
    transitionDuration: 0,
    extraCssText: "box-shadow:none",
    formatter: (points) => {
      const box = document.createElement("div");
      const title = document.createElement("b");
      title.textContent = name(points[0].axisValue);
      box.append(title);
      for (const point of points) {
        if (point.seriesId.startsWith("band")) continue;
        const row = document.createElement("p");
        const dot = document.createElement("i");
        dot.style.background = point.color;
        const value = document.createElement("span");
        value.textContent = point.value == null ? "—" : writer.full(point.value);
        row.append(dot, point.seriesName, value);
        box.append(row);
      }
      return box;
    },
  });

  const band = (series, index, fill) => [
    { id: `bandlow${index}`, type: "line", data: series.low, stack: `band${index}`, lineStyle: { opacity: 0 }, symbol: "none", silent: true, tooltip: { show: false } },
    { id: `bandhigh${index}`, type: "line", data: series.high.map((high, at) => (high == null ? null : high - series.low[at])), stack: `band${index}`,
      lineStyle: { opacity: 0 }, areaStyle: { color: fill, opacity: 0.14 }, symbol: "none", silent: true, tooltip: { show: false } },
  ];

  const one = (spec, series, index, style, writer) => {
    const paint = style.palette[index % style.palette.length];
    const single = spec.series.length === 1;
    const few = spec.x.length <= 12;
    const shared = { id: `main${index}`, name: series.name, data: series.values, color: paint, stack: spec.stacked ? "all" : undefined };
    if (spec.kind === "bar") {
      return { ...shared, type: "bar", barMaxWidth: spec.horizontal ? 18 : 28, barCategoryGap: "35%",
        itemStyle: { borderRadius: spec.stacked ? 0 : spec.horizontal ? [0, 3, 3, 0] : [3, 3, 0, 0] },
        label: { show: (single || spec.direct) && few, position: spec.horizontal ? "right" : "top", color: style.quiet, fontSize: 12, formatter: ({ value, dataIndex }) => (value == null ? "" : spec.labels ? spec.labels[dataIndex] : writer.short(value)) } };
    }
    return { ...shared, type: "line", smooth: false, symbol: "circle", symbolSize: 6, showSymbol: spec.x.length === 1, connectNulls: false,
      lineStyle: { width: 2, type: series.dashed ? "dashed" : "solid" },
      areaStyle: spec.stacked ? { opacity: 0.18 } : single && !series.low ? { opacity: 0.07 } : undefined,
      endLabel: { show: !single, formatter: "{a}", color: paint, fontSize: 12, distance: 6 }, labelLayout: { moveOverlap: "shiftY" } };
  };

  const target = (spec, style, writer) => (spec.target == null ? undefined : {
    silent: true, symbol: "none", data: [{ [spec.horizontal ? "xAxis" : "yAxis"]: spec.target }],
    lineStyle: { color: style.quiet, type: [4, 4], width: 1 },
    label: { position: "insideEndTop", color: style.quiet, fontSize: 12, formatter: `${spec.target_label || ""} ${writer.short(spec.target)}`.trim() },
  });

  const option = (spec, style) => {
    const writer = writers[spec.unit] || writers.count;
    const many = spec.kind === "line" && spec.series.length > 1;
    const width = (texts) => Math.max(...texts.map((text) => [...text].reduce((sum, char) => sum + (char > "⺀" ? 13 : 7), 0)));
    const longest = many ? width(spec.series.map((series) => series.name)) : 0;
    const beyond = spec.labels ? Math.max(64, width(spec.labels) + 12) : 64;
    const labelled = spec.horizontal && (spec.series.length === 1 || spec.direct) && spec.x.length <= 12;
    const names = { type: "category", data: spec.x, boundaryGap: spec.kind === "bar", inverse: Boolean(spec.horizontal),
      axisLine: { lineStyle: { color: style.line } }, axisTick: { show: false },
      axisLabel: { color: style.quiet, fontSize: 12, formatter: name, hideOverlap: true, margin: 10 } };
    const values = { type: "value", min: spec.zero === false && spec.kind === "line" ? undefined : (extent) => Math.min(0, extent.min), splitNumber: 4, minInterval: writer === writers.count ? 1 : undefined,
      splitLine: { show: !labelled, lineStyle: { color: style.line } },
      axisLabel: { show: !labelled, color: style.quiet, fontSize: 12, formatter: writer.short } };
    const series = spec.series.flatMap((entry, index) => [
      ...(entry.low ? band(entry, index, style.palette[index % style.palette.length]) : []),
      { ...one(spec, entry, index, style, writer), markLine: index === 0 ? target(spec, style, writer) : undefined },
    ]);
    const legend = spec.kind === "bar" && spec.series.length > 1;
    return {
      textStyle: { fontFamily: style.font, color: style.ink },
      animation: false,
      aria: { enabled: false },
      grid: { left: 0, right: spec.horizontal ? beyond : Math.max(16, longest + 14), top: legend ? 36 : 16, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      legend: legend ? { top: 0, left: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, itemGap: 16, textStyle: { color: style.quiet, fontSize: 12 },
        data: spec.series.map((entry) => entry.name) } : undefined,
      tooltip: tooltip(writer),
      axisPointer: { lineStyle: { color: style.quiet } },
      xAxis: spec.horizontal ? values : names,
      yAxis: spec.horizontal ? names : values,
      series,
    };
  };

  const draw = (element) => {
    const spec = JSON.parse(element.dataset.chart);
    const chart = drawn.get(element) || echarts.init(element, null, { renderer: "svg" });
    drawn.set(element, chart);
    chart.setOption(option(spec, look()), true);
  };
  const watcher = new ResizeObserver((entries) => entries.forEach(({ target: element }) => drawn.get(element)?.resize()));
  const drawAll = async () => {
    for (const [element, chart] of drawn) {
      if (!element.isConnected) { watcher.unobserve(element); chart.dispose(); drawn.delete(element); }
    }
    const waiting = [...document.querySelectorAll("[data-chart]")].filter((element) => !drawn.has(element));
    if (!waiting.length) return;
    await load();
    for (const element of waiting) { draw(element); watcher.observe(element); }
  };

  new MutationObserver(() => drawn.forEach((_chart, element) => draw(element))).observe(root, { attributeFilter: ["data-bs-theme"] });
  document.addEventListener("htmx:after:swap", drawAll);
  drawAll();
})();
