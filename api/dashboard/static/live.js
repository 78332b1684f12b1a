// The page renews itself: one event stream says when. It is closed while the tab is hidden, or the switch is off.
const template = document.getElementById("live-template")
const box = document.getElementById("live-switch")
const state = document.getElementById("live-state")
const KEY = "aeon-jobs live"

// What a person did to the page stays: unfolded parts, selections, what is being typed.
const callbacks = window.Idiomorph.defaults.callbacks
callbacks.beforeAttributeUpdated = (name, element) =>
  !((name === "open" && element instanceof HTMLDetailsElement) || (name === "checked" && element.name === "id") || name === "data-here")
callbacks.beforeNodeMorphed = (before, after) => {
  if (before instanceof HTMLTimeElement && before.dateTime === after.dateTime) return false
  if (!(before instanceof HTMLElement && after instanceof HTMLElement)) return true
  if (before.matches(".plot")) return false
  const isSameForm = before.matches("[data-keep]") && after.matches("[data-keep]") && before.getAttribute("action") === after.getAttribute("action")
  return !isSameForm
}
window.Idiomorph.defaults.ignoreActiveValue = true

// A connection that is lost, or that the server ended, is no fault of the page: the extension connects again. It reports the
// event as an error of the program if it gets it, so it does not.
const connect = window.htmx.createEventSource
window.htmx.createEventSource = (url) => {
  const source = connect(url)
  Object.defineProperty(source, "onerror", { set: (heard) => source.addEventListener("error", () => heard()) })
  return source
}

function main() {
  return document.getElementById("main")
}

function open() {
  if (document.getElementById("live")) return
  const element = template.content.firstElementChild.cloneNode(true)
  element.setAttribute("sse-connect", `${element.getAttribute("sse-connect")}&version=${main().dataset.version}`)
  document.body.append(element)
  window.htmx.process(element)
}

function close() {
  const element = document.getElementById("live")
  if (element) window.htmx.remove(element)
}

function remembered() {
  try { return localStorage.getItem(KEY) !== "off" } catch { return true }
}

function apply() {
  box.checked && !document.hidden ? open() : close()
  state.textContent = box.checked ? "Live" : "Not live"
}

if (template) {
  box.hidden = false
  box.checked = remembered()
  box.setAttribute("aria-label", "Live: renew this page when something changes")
  box.addEventListener("change", () => {
    try { localStorage.setItem(KEY, box.checked ? "on" : "off") } catch { /* private window */ }
    apply()
  })
  document.addEventListener("visibilitychange", apply)
  window.addEventListener("pagehide", close)
  window.addEventListener("pageshow", (event) => {
    apply()
    // Kept by the browser, and shown again: it may be old, and the session may be over.
    if (!event.persisted) return
    const element = document.getElementById("live")
    element ? window.htmx.trigger(element.firstElementChild, "sse:changed") : location.reload()
  })
  document.body.addEventListener("htmx:afterSwap", () => {
    if (main().dataset.title) document.title = `${main().dataset.title} · aeon-jobs`
  })
  document.body.addEventListener("htmx:sseError", () => { if (box.checked) state.textContent = "Reconnecting" })
  document.body.addEventListener("htmx:sseOpen", () => { state.textContent = "Live" })
  apply()
}
