"use strict";

// Which page needs which role; the camera decides again on every request.
const PAGES = {
  live: ["Live", ["viewer", "operator", "admin"]],
  settings: ["Settings", ["operator", "admin"]],
  users: ["Users", ["admin"]],
  audit: ["Audit log", ["admin"]],
  maintenance: ["Maintenance", ["operator", "admin"]],
  account: ["My password", ["viewer", "operator", "admin"]],
};
const NAMES = {
  manufacturer: "Manufacturer", model: "Model", hardware: "Hardware", serial: "Serial number",
  mac: "Network address", firmware_version: "Firmware",
};
const PICTURE_EVERY = 1000; // ms

const $ = (selector) => document.querySelector(selector);
let me = null;
let timer = null;

async function call(method, path, body, type) {
  const headers = {};
  if (me) headers["X-CSRF-Token"] = me.csrf;
  if (body !== undefined && !type) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  } else if (type) {
    headers["Content-Type"] = type;
  }
  const answer = await fetch(path, { method, headers, body, credentials: "same-origin" });
  if (answer.ok) {
    const kind = answer.headers.get("Content-Type") || "";
    if (kind.startsWith("image/")) return answer.blob();
    return kind.startsWith("application/json") ? answer.json() : null;
  }
  const reason = await answer.json().catch(() => ({}));
  if (answer.status === 401 && me) leave();
  throw new Error(reason.error || `the camera answered ${answer.status}`);
}

function notice(text, bad = false) {
  const box = $("#notice");
  box.textContent = text;
  box.hidden = !text;
  box.classList.toggle("bad", bad);
}

function show(name) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== name;
  for (const link of document.querySelectorAll("#tabs a")) {
    if (link.hash === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  clearInterval(timer);
  notice("");
}

function cells(row) {
  const line = document.createElement("tr");
  for (const value of row) {
    const cell = document.createElement("td");
    cell.append(value);
    line.append(cell);
  }
  return line;
}

const OPEN = {
  async live() {
    const device = await call("GET", "/api/device");
    $("#device").replaceChildren(...Object.entries(NAMES).flatMap(([key, title]) => {
      const term = document.createElement("dt"), value = document.createElement("dd");
      term.textContent = title;
      value.textContent = device[key];
      return [term, value];
    }));
    await picture();
    timer = setInterval(() => picture().catch((error) => notice(error.message, true)), PICTURE_EVERY);
  },
  async settings() {
    const values = await call("GET", "/api/settings"), form = $("#settings form");
    form.hostname.value = values.hostname;
    form.main.checked = values.streams.main.enabled;
    form.sub.checked = values.streams.sub.enabled;
    form.ssh.checked = values.ssh.enabled;
    form.keys.value = values.ssh.authorized_keys.join("\n");
    for (const field of form.elements) field.disabled = me.role !== "admin";
  },
  async users() {
    const { users } = await call("GET", "/api/users");
    $("#users tbody").replaceChildren(...users.map((user) => {
      const button = document.createElement("button");
      button.className = "link";
      button.textContent = "Delete";
      button.hidden = user.username === me.user;
      button.onclick = () => attempt(async () => {
        await call("DELETE", `/api/users/${encodeURIComponent(user.username)}`);
        await OPEN.users();
      });
      return cells([user.username, user.role, button]);
    }));
  },
  async audit() {
    const { entries } = await call("GET", "/api/audit");
    $("#audit tbody").replaceChildren(...entries.map((entry) =>
      cells([entry.time.slice(0, 19).replace("T", " "), entry.event, entry.user, entry.source, entry.detail])));
  },
  async maintenance() {
    $("#version").textContent = (await call("GET", "/api/device")).firmware_version;
    for (const part of [$("#firmware").parentElement, $("#reset")]) part.hidden = me.role !== "admin";
  },
  async account() {},
};

async function picture() {
  const image = $("#picture"), old = image.src;
  image.src = URL.createObjectURL(await call("GET", "/api/snapshot"));
  if (old) URL.revokeObjectURL(old);
}

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    notice(error.message, true);
  }
}

// Tells at once what the camera would refuse; the camera decides again.
function demandStrong(name, password) {
  const kinds = [/[A-Z]/, /[a-z]/, /[0-9]/, /[^A-Za-z0-9]/];
  if (password.length < 8 || !kinds.every((kind) => kind.test(password))) {
    throw new Error("a password has 8 characters or more: capital and small letters, digits, others");
  }
  if (password.toLowerCase().includes(name.toLowerCase())) {
    throw new Error("a password must not hold the user name");
  }
}

function onSubmit(selector, action) {
  const form = $(selector);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(() => action(form, Object.fromEntries(new FormData(form))));
  });
}

async function open() {
  const wanted = location.hash.slice(2); // of "#/users"
  const allowed = Object.keys(PAGES).filter((name) => PAGES[name][1].includes(me.role));
  const name = allowed.includes(wanted) ? wanted : "live";
  show(name);
  await OPEN[name]();
}

async function enter() {
  $("#tabs").replaceChildren(...Object.entries(PAGES).filter(([, page]) => page[1].includes(me.role)).map(([name, [title]]) => {
    const link = document.createElement("a");
    link.href = `#/${name}`;
    link.textContent = title;
    return link;
  }));
  $("#user").textContent = `${me.user} (${me.role})`;
  $("#tabs").hidden = $("#who").hidden = false;
  await open();
}

function leave() {
  me = null;
  $("#tabs").hidden = $("#who").hidden = true;
  show("login");
}

onSubmit("#setup form", async (form, { username, password, again, label }) => {
  if (password !== again) throw new Error("the two passwords differ");
  demandStrong(username, password);
  await call("POST", "/api/setup", { username, password, label });
  me = await call("POST", "/api/session", { username, password });
  form.reset();
  await enter();
});

onSubmit("#login form", async (form, fields) => {
  me = await call("POST", "/api/session", fields);
  form.reset();
  await enter();
});

onSubmit("#settings form", async (form) => {
  await call("PUT", "/api/settings", {
    hostname: form.hostname.value,
    streams: { main: { enabled: form.main.checked }, sub: { enabled: form.sub.checked } },
    ssh: { enabled: form.ssh.checked, authorized_keys: form.keys.value.split("\n").map((k) => k.trim()).filter(Boolean) },
  });
  notice("Saved.");
});

onSubmit("#users form", async (form, fields) => {
  demandStrong(fields.username, fields.password);
  await call("POST", "/api/users", fields);
  form.reset();
  await OPEN.users();
  notice(`${fields.username} was added.`);
});

onSubmit("#account form", async (form, fields) => {
  demandStrong(me.user, fields.new_password);
  await call("PUT", "/api/account/password", fields);
  form.reset();
  leave();
  notice("The password was changed. Log in again.");
});

onSubmit("#firmware", async (form) => {
  await call("POST", "/api/firmware", form.bundle.files[0], "application/octet-stream");
  notice("The bundle was accepted; the camera restarts.");
});

$("#logout").onclick = () => attempt(async () => {
  await call("DELETE", "/api/session");
  leave();
});
$("#reboot").onclick = () => attempt(async () => {
  await call("POST", "/api/reboot", {});
  notice("The camera restarts.");
});
$("#reset").onclick = () => attempt(async () => {
  if (!confirm("Erase all accounts, settings and keys?")) return;
  await call("POST", "/api/factory-reset", { confirm: "erase all user data" });
  notice("The camera erases its data and restarts.");
});
window.addEventListener("hashchange", () => me && attempt(open));

attempt(async () => {
  const { state } = await call("GET", "/api/status");
  if (state === "factory") return show("setup");
  const answer = await fetch("/api/session", { credentials: "same-origin" });
  if (!answer.ok) return leave();
  me = await answer.json();
  await enter();
});
