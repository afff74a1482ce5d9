// Live updates for the phone page. Without this script everything works by
// posting forms and reloading.
"use strict";

const handset = (phone) => document.querySelector(`.handset[data-phone="${CSS.escape(phone)}"]`);

function toEnd(thread) {
  thread.scrollTop = thread.scrollHeight;
}

// centre shows the link in the middle of its list, where that scrolls. It moves nothing
// else: after scrollIntoView the Tab key would go on from the link, past all before it.
function centre(link) {
  const list = link?.closest("ul");
  if (!list) return;
  const [shown, whole] = [link.getBoundingClientRect(), list.getBoundingClientRect()];
  list.scrollLeft += shown.left + shown.width / 2 - (whole.left + whole.width / 2);
}

// refresh fetches the phone as it is now, adds the entries that are new (so
// that only those are read out) and replaces what else may have changed, unless
// a newer look is under way: answers may overtake each other.
const looks = new Map();

async function refresh(phone) {
  const here = handset(phone);
  if (!here) {
    // Only the page of all phones has a place for a phone it does not show.
    if (document.body.classList.contains("all") && !typing()) location.reload();
    return;
  }
  const look = (looks.get(phone) ?? 0) + 1;
  looks.set(phone, look);
  const res = await fetch(`/phone/${encodeURIComponent(phone)}/handset`);
  if (!res.ok) return;
  const fresh = new DOMParser().parseFromString(await res.text(), "text/html");
  const thread = here.querySelector("[data-part=thread]");
  const known = new Set([...thread.children].map((li) => li.dataset.key));
  for (const li of fresh.querySelectorAll("[data-part=thread] > li")) {
    if (known.has(li.dataset.key)) continue;
    li.classList.add("fresh");
    thread.append(li);
  }
  toEnd(thread);
  if (looks.get(phone) !== look) return;
  for (const part of ["state", "next", "fate"]) {
    const [old, now] = [here, fresh].map((of) => of.querySelector(`[data-part=${part}]`));
    if (old.innerHTML !== now.innerHTML) old.replaceChildren(...now.childNodes); // else it would take the focus away
  }
}

const typing = () => [...document.querySelectorAll("textarea")].some((t) => t.value !== "");

// post sends a form without leaving the page. The answer to a form that was
// taken is a redirect, which is not followed.
async function post(form, submitter) {
  const res = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form, submitter)),
    redirect: "manual",
  });
  if (res.type !== "opaqueredirect") throw new Error(`answered ${res.status}`);
  const body = form.querySelector("textarea");
  if (body && submitter?.name !== "quick") body.value = "";
  tell(form, "");
  await refresh(form.closest(".handset").dataset.phone);
}

// tell shows a problem where the form has room for one.
function tell(form, text) {
  const problem = form.querySelector(".problem");
  if (!problem) return;
  problem.hidden = text === "";
  problem.textContent = text;
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.closest(".handset")) return;
  event.preventDefault();
  post(form, event.submitter).catch(() => tell(form, "That may not have been sent. Reload to see."));
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || !event.target.matches(".write textarea")) return;
  event.preventDefault();
  event.target.form.requestSubmit(event.target.form.querySelector(".send"));
});

document.querySelectorAll(".thread").forEach(toEnd);
centre(document.querySelector("nav [aria-current]"));

// The stream is open only while somebody looks: browsers allow six connections
// to one server, and pages they keep in memory for the way back count as well.
const lost = document.querySelector(".live");
let events = null;

function connect() {
  events?.close();
  events = null;
  if (document.hidden) return;
  events = new EventSource("/events");
  events.addEventListener("handset", (event) => refresh(event.data).catch(() => { lost.hidden = false; }));
  events.addEventListener("error", () => { lost.hidden = false; });
  events.addEventListener("open", () => {
    lost.hidden = true;
    // What happened while the connection was down.
    for (const h of document.querySelectorAll(".handset")) refresh(h.dataset.phone).catch(() => { lost.hidden = false; });
  });
}

document.addEventListener("visibilitychange", connect);
connect();
