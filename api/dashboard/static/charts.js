// Draws the figures of the page from their tables of numbers. uPlot is loaded when there is one.
import { onContent } from "./changes.js"

const { chartScript, chartStyle } = document.body.dataset
let loading

function load() {
  loading ??= new Promise((resolve) => {
    const style = document.createElement("link")
    style.rel = "stylesheet"
    style.href = chartStyle
    const script = document.createElement("script")
    script.src = chartScript
    script.onload = () => resolve(true)
    // The page is left, or the file cannot be had: the tables have the numbers, and the next content tries again.
    script.onerror = () => { loading = undefined; resolve(false) }
    document.head.append(style, script)
  })
  return loading
}

function colours() {
  const style = getComputedStyle(document.documentElement)
  return Object.fromEntries(["text", "muted", "line", "good", "bad", "busy", "warn"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]))
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" })
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" })
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" })

// data-chart: {"unit": "jobs/min", "times": [s …], "series": [{"label", "colour", "values": […]} …]}
function draw(figure) {
  const place = figure.querySelector(".plot")
  const source = figure.dataset.chart
  if (!place || place.dataset.drawn === source) return
  const { unit, times, series } = JSON.parse(source)
  const data = [times, ...series.map((one) => one.values)]
  if (place.chart && place.chart.series.length === data.length) {
    place.chart.setData(data)
  } else {
    place.replaceChildren()
    const colour = colours()
    const axis = { stroke: colour.muted, grid: { stroke: colour.line, width: 1 }, ticks: { stroke: colour.line, width: 1 } }
    place.chart = new window.uPlot({
      width: place.clientWidth || 600,
      height: 150,
      legend: { live: true },
      cursor: { drag: { x: false, y: false } },
      scales: { y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.1 : 1] } },
      axes: [
        { ...axis, values: (_, moments) => moments.map((at) => (times.at(-1) - times[0] > 2 * 86400 ? day : clock).format(at * 1000)) },
        { ...axis, size: 64 },
      ],
      series: [{ label: "Time", value: (_, at) => at == null ? "–" : whole.format(at * 1000) }, ...series.map((one) => ({
        label: one.label, stroke: colour[one.colour] ?? colour.busy, width: 1.5, spanGaps: false,
        value: (_, value) => value == null ? "–" : `${Math.round(value * 100) / 100} ${unit}`,
      }))],
    }, data, place)
  }
  place.dataset.drawn = source
}

async function drawAll() {
  const figures = document.querySelectorAll("figure[data-chart]")
  if (!figures.length) return
  if (await load()) figures.forEach(draw)
}

onContent(drawAll)
window.addEventListener("resize", () => {
  for (const place of document.querySelectorAll(".plot")) place.chart?.setSize({ width: place.clientWidth, height: 150 })
})
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const place of document.querySelectorAll(".plot")) { delete place.dataset.drawn; place.chart?.destroy(); place.chart = undefined }
  drawAll()
})
