// / finds, j and k move, x selects, Enter opens, ? helps.
const rows = () => [...document.querySelectorAll("[data-row]")]
const here = () => document.querySelector("[data-here]")

function move(step) {
  const all = rows()
  if (!all.length) return
  const before = all.indexOf(here())
  const next = all[Math.min(Math.max(before + step, 0), all.length - 1)]
  here()?.removeAttribute("data-here")
  next.setAttribute("data-here", "")
  next.scrollIntoView({ block: "nearest" })
  next.querySelector("a")?.focus({ preventScroll: true })
}

function select() {
  const box = here()?.querySelector('input[type="checkbox"]')
  if (box) box.click()
}

const KEYS = {
  "/": () => document.getElementById("find")?.focus(),
  j: () => move(1),
  k: () => move(-1),
  x: select,
  "?": () => document.getElementById("keys")?.showModal(),
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
  if (event.target.closest('input:not([type="checkbox"], [type="radio"]), select, textarea, dialog')) return
  const act = KEYS[event.key]
  if (!act) return
  event.preventDefault()
  act()
})
