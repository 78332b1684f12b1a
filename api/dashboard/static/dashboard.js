// What a page does beyond links and forms. Each module may fail alone: without it the page still works.
import "./times.js"
import "./live.js"
import "./keyboard.js"
import "./selection.js"
import "./charts.js"
