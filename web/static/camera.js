// Looks through the camera for another person's picture. Each view goes to
// this device's own Jauap, which reads it; nothing is kept and nothing leaves.
"use strict";
(() => {
	const form = document.getElementById("scan");
	const button = document.getElementById("camera");
	const view = document.getElementById("view");
	const start = button.textContent;
	const side = 960;
	let stream = null, timer = 0;

	if (!navigator.mediaDevices?.getUserMedia) return;
	button.hidden = false;

	function stop() {
		clearTimeout(timer);
		stream?.getTracks().forEach((t) => t.stop());
		stream = null;
		view.hidden = true;
		button.textContent = start;
	}

	async function look() {
		if (!stream) return;
		try {
			const scale = Math.min(1, side / Math.max(view.videoWidth, view.videoHeight, 1));
			const canvas = document.createElement("canvas");
			canvas.width = view.videoWidth * scale;
			canvas.height = view.videoHeight * scale;
			if (canvas.width > 0) {
				canvas.getContext("2d").drawImage(view, 0, 0, canvas.width, canvas.height);
				const picture = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
				const body = new FormData();
				body.append("csrf", form.elements.csrf.value); // first: see form.go
				body.append("file", picture, "view.jpg");
				const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Jauap-Live": "1" } });
				if (answer.status === 200) {
					stop();
					location = await answer.text();
					return;
				}
				if (answer.status === 403) { stop(); location.reload(); return; }
			}
		} catch { /* Jauap is busy or gone: the page says so above */ }
		timer = setTimeout(look, 250);
	}

	button.addEventListener("click", async () => {
		if (stream) { stop(); return; }
		try {
			stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } }, audio: false });
		} catch {
			document.getElementById("no-camera").hidden = false;
			return;
		}
		document.getElementById("no-camera").hidden = true;
		button.textContent = form.dataset.stop;
		view.hidden = false;
		view.srcObject = stream;
		await view.play();
		look();
	});
	addEventListener("pagehide", stop);
})();
