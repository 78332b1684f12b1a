// Moments as the viewer has them: how long ago, and in the viewer's zone.
import { onContent } from "./changes.js"

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" })
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" })
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" })
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]]

function ago(moment) {
  const seconds = (moment - Date.now()) / 1000
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1]
  return relative.format(Math.round(seconds / size), unit)
}

function write() {
  for (const element of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime)
    if (Number.isNaN(moment.valueOf())) continue
    const whole = absolute.format(moment)
    const isToday = moment.toDateString() === new Date().toDateString()
    const text = element.closest("td") ? ago(moment) : `${isToday ? clock.format(moment) : whole} (${ago(moment)})`
    if (element.textContent !== text) element.textContent = text
    if (element.title !== whole) element.title = whole
  }
}

onContent(write)
setInterval(() => document.hidden || write(), 5000)
document.addEventListener("visibilitychange", () => document.hidden || write())
