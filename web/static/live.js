// Keeps an open page fresh. Everything works without this file: it only asks
// for the page again when something changed, and replaces the parts that are
// marked with data-live. It stores nothing.
"use strict";
(() => {
	const root = document.documentElement;
	const { page, events } = root.dataset;
	const inner = window.parent !== window; // one of several panes
	let source = null, timer = 0, asking = false, again = false, silent = 0;

	// Somebody is marking text there, or has begun to fill in a form: leave it alone.
	const filled = (f) => f.type === "checkbox" || f.type === "radio" ? f.checked !== f.defaultChecked : f.value !== f.defaultValue;
	const busy = (el) => !getSelection().isCollapsed && el.contains(getSelection().anchorNode) || [...el.querySelectorAll("textarea, input")].some(filled);

	// Do the change and put the focus back where it was.
	const reach = "a, button, summary";
	function holding(now, change) {
		const at = [...now.querySelectorAll(reach)].indexOf(document.activeElement);
		const el = change() || now;
		if (at >= 0) el.querySelectorAll(reach)[at]?.focus({ preventScroll: true });
	}

	// Same content: leave the element alone, so that nothing is read out anew.
	function whole(now, next) {
		if (now.className !== next.className) now.className = next.className;
		if (now.innerHTML === next.innerHTML || busy(now)) return;
		const open = [...now.querySelectorAll("details")].map((d) => d.open);
		holding(now, () => now.replaceChildren(...next.childNodes));
		const after = now.querySelectorAll("details");
		if (after.length === open.length) after.forEach((d, i) => { d.open ||= open[i]; });
	}

	function rows(now, next) {
		const follow = "follow" in now.dataset && innerHeight + scrollY > root.scrollHeight - 80;
		const old = new Map([...now.children].map((el) => [el.id, el]));
		let last = null, grown = false;
		for (let el of [...next.children]) {
			const was = old.get(el.id);
			if (was) {
				old.delete(el.id);
				if (was.querySelector("details[open]")) el.querySelector("details").open = true;
				if (was.outerHTML === el.outerHTML || busy(was)) el = was;
				else holding(was, () => { was.replaceWith(el); return el; });
			} else grown = true;
			const place = last ? last.nextElementSibling : now.querySelector(":scope > :not([data-earlier])");
			if (place !== el) now.insertBefore(el, place);
			last = el;
		}
		for (const el of old.values()) if (!("earlier" in el.dataset)) el.remove();
		if (follow && grown) scrollTo(0, root.scrollHeight);
	}

	const typing = () => [...document.querySelectorAll("textarea, input")].some((el) => el.value !== el.defaultValue);

	async function refresh() {
		if (asking) { again = true; return; }
		asking = true;
		try {
			const answer = await fetch(page, { headers: { "X-Jauap-Live": "1" }, cache: "no-store" });
			if (answer.status === 403) { location.reload(); return; }
			if (answer.ok) {
				const next = new DOMParser().parseFromString(await answer.text(), "text/html");
				// Another screen now, as after the first person was added.
				if (next.body.className !== document.body.className && !("answer" in root.dataset) && !typing()) { location.reload(); return; }
				for (const el of next.querySelectorAll("[data-live]")) {
					const now = document.getElementById(el.id);
					if (now && "live" in now.dataset) (el.dataset.live === "list" ? rows : whole)(now, el);
				}
				lost(false);
			}
		} catch { lost(true); }
		asking = false;
		if (again) { again = false; soon(); }
	}

	function soon() {
		clearTimeout(timer);
		if (!document.hidden) timer = setTimeout(refresh, 150);
	}

	// Ages on a page that hears nothing are wrong: say so.
	function lost(is) {
		clearTimeout(silent);
		silent = 0;
		const el = document.getElementById("lost");
		if (el) el.hidden = !is;
	}

	function listen() {
		if (source) { source.close(); source = null; }
		if (document.hidden || inner && root.classList.contains("framed")) return;
		source = new EventSource(events);
		source.onopen = () => { lost(false); soon(); }; // what changed before it opened
		source.onmessage = (e) => {
			for (const f of document.querySelectorAll("iframe"))
				if (f.name === e.data) f.contentWindow.postMessage("jauap", location.origin);
			soon();
		};
		source.onerror = () => { soon(); if (!silent) silent = setTimeout(() => lost(true), 5000); };
	}

	if (page && events) {
		listen();
		addEventListener("visibilitychange", () => { listen(); soon(); });
		addEventListener("message", (e) => { if (e.origin === location.origin && e.source === window.parent) soon(); });
		setInterval(soon, 30000); // ages grow
	}

	// Small comforts.
	for (const b of document.querySelectorAll("[data-copy]")) {
		if (!navigator.clipboard) break;
		b.hidden = false;
		b.addEventListener("click", async () => {
			await navigator.clipboard.writeText(document.getElementById(b.dataset.copy).value);
			b.textContent = b.dataset.done;
		});
	}
	for (const b of document.querySelectorAll("[data-print]")) {
		b.hidden = false;
		b.addEventListener("click", () => print());
	}
	for (const f of document.querySelectorAll("input[type=file][data-max]")) {
		f.addEventListener("change", () => {
			const sum = [...f.files].reduce((n, file) => n + file.size, 0);
			f.setCustomValidity(sum > Number(f.dataset.max) ? f.dataset.over : "");
			f.reportValidity();
		});
	}
	for (const form of document.querySelectorAll("form")) {
		form.addEventListener("submit", (e) => {
			if (form.dataset.sent) { e.preventDefault(); return; } // pressed twice
			form.dataset.sent = "yes";
			if (!("press" in form.dataset)) return;
			e.preventDefault(); // the board: press without reloading its panes
			const fields = new URLSearchParams(new FormData(form));
			if (e.submitter && e.submitter.name) fields.set(e.submitter.name, e.submitter.value);
			fetch(form.action, { method: "POST", body: fields }).then(refresh, () => lost(true)).finally(() => delete form.dataset.sent);
		});
	}
	addEventListener("pageshow", () => { for (const f of document.forms) delete f.dataset.sent; });
	const write = document.getElementById("write");
	const text = write?.querySelector("textarea");
	if (text) compose();

	// Words are kept on the device while they are typed, so that a crash or an
	// empty battery loses a second of them at most.
	function compose() {
		let timer = 0, kept = text.value;
		const keep = () => {
			clearTimeout(timer);
			timer = 0;
			if (text.value === kept || write.dataset.sent || text.validity.customError) return;
			kept = text.value;
			const fields = new URLSearchParams({ csrf: write.elements.csrf.value, text: kept });
			fetch(write.dataset.draft, { method: "POST", body: fields, keepalive: kept.length < 20000 }).catch(() => { kept = null; });
		};
		// Said before it is sent: a page of refusal could not give all of it back.
		const fits = () => {
			const over = text.value.length * 3 > Number(text.dataset.bytes) && new Blob([text.value]).size > Number(text.dataset.bytes);
			if (over !== text.validity.customError) text.setCustomValidity(over ? text.dataset.over : "");
		};
		fits();
		text.addEventListener("input", () => { fits(); if (!timer) timer = setTimeout(keep, 700); });
		addEventListener("pagehide", keep);
		addEventListener("visibilitychange", () => { if (document.hidden) keep(); });
		text.addEventListener("keydown", (e) => {
			if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) write.requestSubmit(write.querySelector("button:not([name]):not([type])"));
		});
		const attach = write.querySelector("button[value=attach]");
		for (const f of write.querySelectorAll("input[type=file]"))
			f.addEventListener("change", () => { if (f.files.length && f.checkValidity()) write.requestSubmit(attach); });
	}

	for (const b of document.querySelectorAll("[data-record]")) if (navigator.mediaDevices && window.MediaRecorder) voice(b);

	// Voice is recorded for the form around the button, and handed to it as a
	// file; where few bytes are allowed, it ends by itself before they are full.
	function voice(button) {
		const name = button.textContent, form = button.form;
		let recorder = null, began = 0, clock = 0, size = 0;
		button.hidden = false;
		button.addEventListener("click", async () => {
			if (recorder) { recorder.stop(); return; }
			let sound;
			try { sound = await navigator.mediaDevices.getUserMedia({ audio: true }); } catch { button.textContent = button.dataset.fail; return; }
			const parts = [], most = Number(button.dataset.record) || Infinity;
			recorder = new MediaRecorder(sound, { audioBitsPerSecond: 16000 });
			size = 0;
			recorder.ondataavailable = (e) => {
				parts.push(e.data);
				size += e.data.size;
				if (size + 2 * e.data.size > most && recorder && recorder.state === "recording") recorder.stop();
			};
			recorder.onstop = () => {
				clearInterval(clock);
				for (const t of sound.getTracks()) t.stop();
				const files = new DataTransfer();
				files.items.add(new File(parts, "voice", { type: recorder.mimeType }));
				recorder = null;
				button.textContent = name;
				if (form.elements.seconds) form.elements.seconds.value = Math.max(1, Math.round((Date.now() - began) / 1000));
				form.elements.voice.files = files.files;
				form.requestSubmit(form.querySelector("[data-recorded]"));
			};
			recorder.start(500);
			began = Date.now();
			const tell = () => { button.textContent = button.dataset.stop.replace("{n}", Math.round((Date.now() - began) / 1000)).replace("{kb}", Math.round(size / 1024)); };
			tell();
			clock = setInterval(tell, 500);
		});
	}

	// Earlier letters come by themselves when a person scrolls up to them.
	const list = document.getElementById("letters");
	const more = document.querySelector(".earlier a[href*=before]");
	if (list && more && !root.classList.contains("framed")) new IntersectionObserver(async (seen, self) => {
		if (!seen.some((e) => e.isIntersecting) || scrollY + innerHeight > root.scrollHeight - 80 && scrollY > 0) return;
		self.disconnect();
		const answer = await fetch(more.href, { headers: { "X-Jauap-Live": "1" }, cache: "no-store" }).catch(() => null);
		if (!answer || !answer.ok) return;
		const next = new DOMParser().parseFromString(await answer.text(), "text/html");
		const height = root.scrollHeight;
		for (const el of [...next.querySelectorAll("#letters > li")]) { el.dataset.earlier = ""; list.insertBefore(el, list.querySelector("li:not([data-earlier])")); }
		scrollBy(0, root.scrollHeight - height);
		const on = next.querySelector(".earlier a[href*=before]");
		if (on) { more.href = on.href; self.observe(more); } else more.parentElement.remove();
	}).observe(more);
})();
