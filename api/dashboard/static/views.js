// Views that are saved in this browser: a name, and the address of a filtered list.
const list = document.getElementById("views")
const save = document.getElementById("save-view")
const KEY = "aeon-jobs views"

function read() {
  try { return JSON.parse(localStorage.getItem(KEY)) ?? [] } catch { return [] }
}

function write(views) {
  try { localStorage.setItem(KEY, JSON.stringify(views)) } catch { /* private window */ }
  show()
}

function show() {
  const views = read()
  list.hidden = !views.length
  list.replaceChildren(...views.map((view) => {
    const item = document.createElement("li")
    const link = document.createElement("a")
    link.textContent = view.name
    link.href = `${document.body.dataset.base}/jobs?${view.query}`
    const remove = document.createElement("button")
    remove.type = "button"
    remove.className = "plain"
    remove.textContent = "remove"
    remove.setAttribute("aria-label", `Remove the view ${view.name}`)
    remove.addEventListener("click", () => write(read().filter((other) => other.name !== view.name)))
    item.append(link, " ", remove)
    return item
  }))
}

if (list && save) {
  save.hidden = !location.search
  save.addEventListener("click", () => {
    const name = prompt("Name of this view")?.trim().slice(0, 60)
    if (name) write([...read().filter((view) => view.name !== name), { name, query: location.search.slice(1) }])
  })
  show()
}
