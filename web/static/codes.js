// Looks for codes with the camera: each picture goes to this device's own
// Jauap, which reads it and says how far it is. No picture leaves the device.
"use strict";
(() => {
	const box = document.getElementById("camera");
	if (!box || !navigator.mediaDevices) return; // pictures can be chosen below
	const video = box.querySelector("video"), bar = box.querySelector("progress");
	const says = box.querySelector("p"), button = box.querySelector("button");
	const csrf = document.querySelector("input[name=csrf]").value;
	const canvas = document.createElement("canvas");
	const most = 1280; // pixels of the longer side
	let stream = null, flying = 0, total = 0;
	box.hidden = false;

	function stop() {
		stream?.getTracks().forEach((t) => t.stop());
		stream = null;
		video.hidden = true;
		button.hidden = false;
	}

	async function send(picture) {
		const body = new FormData();
		body.append("csrf", csrf); // first, or it is refused unread
		body.append("file", picture, "look.jpg");
		const answer = await fetch(box.dataset.look, { method: "POST", body, headers: { "X-Jauap-Live": "1" }, cache: "no-store" });
		if (!answer.ok) return;
		const seen = await answer.json();
		total += seen.read;
		if (seen.need > 0) {
			bar.hidden = false;
			bar.value = seen.have / seen.need;
			says.textContent = box.dataset.progress.replace("{have}", seen.have).replace("{need}", seen.need);
		} else if (total > 0 && seen.codes > 0) {
			bar.value = 1;
			says.textContent = box.dataset.done;
			stop();
		}
	}

	// At most two pictures are on their way, so that a slow device is not
	// overrun and a fast one does not wait.
	function shoot() {
		if (!stream) return;
		if (flying < 2 && video.videoWidth > 0) {
			const scale = Math.min(1, most / Math.max(video.videoWidth, video.videoHeight));
			canvas.width = video.videoWidth * scale;
			canvas.height = video.videoHeight * scale;
			canvas.getContext("2d", { willReadFrequently: true }).drawImage(video, 0, 0, canvas.width, canvas.height);
			flying++;
			canvas.toBlob((b) => send(b).catch(() => {}).finally(() => { flying--; }), "image/jpeg", 0.85);
		}
		setTimeout(shoot, 50);
	}

	button.addEventListener("click", async () => {
		try {
			stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } } });
		} catch {
			says.textContent = box.dataset.denied;
			return;
		}
		total = 0;
		button.hidden = true;
		video.hidden = false;
		video.srcObject = stream;
		await video.play();
		says.textContent = box.dataset.search;
		shoot();
	});
	addEventListener("pagehide", stop);
})();
