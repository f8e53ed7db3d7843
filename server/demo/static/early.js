/**
 * Runs before the page is built: tells the widget who is here before it asks for anything, and keeps what its lists
 * say until shop.js, which comes later, listens.
 */

window.vitrina = window.vitrina || [];
window.vitrina.push(["identify", document.currentScript.dataset.shopper || null]);
window.filledLists = [];
document.addEventListener("vitrina:load", ({ target, detail }) => window.filledLists.push({ target, detail }));
