package paper

// sentences of one language.
type sentences struct {
	title, full, redacted, desk, incidents, reports, held, tally, atLeast, sources, witnessed, claims, withdrawn, revised, of, mapOf, method, limits, check, none, page string
	counts, grades, sides                                                                                                                                               map[string]string
	how, bounds                                                                                                                                                         []string
}

// wordsOf is English for languages that are not known.
func wordsOf(lang string) sentences {
	switch lang {
	case "ru":
		return sentences{
			title: "Что известно", full: "Полный отчёт для тех, с кем работает редакция", redacted: "Отчёт для всех, с сокращениями", desk: "Кто составил", incidents: "События", reports: "сообщений", held: "не показано, потому что авторы не разрешили",
			tally: "Всего по событиям", atLeast: "не менее", sources: "источников", witnessed: "очевидцев", claims: "Что заявлено", withdrawn: "отозвано", revised: "пересмотрено", of: "из", mapOf: "Где это было", method: "Как это составлено", limits: "Чего это не показывает",
			check: "Контрольная сумма остальных файлов этого отчёта (SHA-256 строк «сумма имя»):", none: "Ничего.", page: "стр.",
			counts: map[string]string{"killed": "убиты", "injured": "ранены", "detained": "задержаны", "missing": "пропали"},
			grades: map[string]string{"confirmed": "подтверждено", "fair": "вероятно", "weak": "слабо", "contested": "спорно", "discounted": "не засчитано", "": "не оценено"},
			sides:  map[string]string{"official": "власти", "hospital": "больница", "monitor": "наблюдатели", "witness": "очевидцы", "media": "пресса", "other": "другие"},
			how: []string{"Каждое сообщение пришло пакетом, у которого проверены байты: после подписи ничего не добавлено и не изменено. Правдой это его не делает.", "Сообщения объединял в события человек; программа только предлагала по времени, месту и словам.",
				"Для события указан размах: наименьшее «не менее» и наибольшее «не более» из его сообщений. Сообщения об одном событии не складываются, события складываются; незасчитанные в сумму не входят.", "Заявления стоят так, как были сделаны, с датой; отозванные и пересмотренные помечены и не удаляются."},
			bounds: []string{"Время и место указаны так, как сказали сообщившие.", "Тех, кто не мог сообщить, здесь нет.", "Событие, которое никто не объединил с другим, может считать людей дважды."},
		}
	case "kk":
		return sentences{
			title: "Не белгілі", full: "Редакцияның серіктестеріне арналған толық есеп", redacted: "Бәріне арналған, қысқартылған есеп", desk: "Құрастырған", incidents: "Оқиғалар", reports: "хабар", held: "көрсетілмеді, өйткені авторлары рұқсат бермеді",
			tally: "Оқиғалар бойынша барлығы", atLeast: "кемінде", sources: "дереккөз", witnessed: "көрген адам", claims: "Не мәлімделді", withdrawn: "қайтарып алынды", revised: "өзгертілді", of: "ішінен", mapOf: "Қай жерде болды", method: "Бұл қалай құрастырылды", limits: "Бұл нені көрсетпейді",
			check: "Осы есептің қалған файлдарының бақылау қосындысы («қосынды атау» жолдарының SHA-256 мәні):", none: "Ештеңе жоқ.", page: "бет",
			counts: map[string]string{"killed": "қаза тапты", "injured": "жараланды", "detained": "ұсталды", "missing": "хабарсыз"},
			grades: map[string]string{"confirmed": "расталды", "fair": "ықтимал", "weak": "әлсіз", "contested": "даулы", "discounted": "есептелмеді", "": "бағаланбады"},
			sides:  map[string]string{"official": "билік", "hospital": "аурухана", "monitor": "бақылаушылар", "witness": "куәгерлер", "media": "баспасөз", "other": "басқалар"},
			how: []string{"Әр хабар байттары тексерілген пакетпен келді: қол қойылғаннан кейін ештеңе қосылмаған, өзгертілмеген. Бірақ бұл оны шындық етпейді.", "Хабарларды оқиғаға адам біріктірді; бағдарлама уақытына, орнына, сөздеріне қарап тек ұсынды.",
				"Оқиға үшін аралық берілген: хабарлардағы ең аз «кемінде» мен ең үлкен «ең көбі». Бір оқиға туралы хабарлар қосылмайды, оқиғалар қосылады; есептелмегендері жиынтыққа кірмейді.", "Мәлімдемелер айтылған күйінде, күнімен тұр; қайтарып алынғандары мен өзгертілгендері белгіленеді, өшірілмейді."},
			bounds: []string{"Уақыт пен орын хабарлаушының айтуы бойынша.", "Хабарлай алмағандар мұнда жоқ.", "Ешкім біріктірмеген оқиға адамдарды екі рет санауы мүмкін."},
		}
	}
	return sentences{
		title: "What is known", full: "Full report for those the desk works with", redacted: "Report for everybody, redacted", desk: "Made by", incidents: "Incidents", reports: "reports", held: "not shown, because who made them did not allow it",
		tally: "All incidents together", atLeast: "at least", sources: "sources", witnessed: "saw it", claims: "What was claimed", withdrawn: "withdrawn", revised: "revised", of: "of", mapOf: "Where it was", method: "How this was made", limits: "What this does not show",
		check: "Checksum of the other files of this report (SHA-256 of the lines “sum name”):", none: "Nothing.", page: "page",
		counts: map[string]string{"killed": "killed", "injured": "injured", "detained": "detained", "missing": "missing"},
		grades: map[string]string{"confirmed": "confirmed", "fair": "fair", "weak": "weak", "contested": "contested", "discounted": "discounted", "": "not graded"},
		sides:  map[string]string{"official": "official", "hospital": "hospital", "monitor": "monitors", "witness": "witnesses", "media": "press", "other": "others"},
		how: []string{"Each report came as a package whose bytes were checked: nothing was added or changed since it was signed. That does not make it true.", "A person joined reports to incidents; a program only suggested, by time, place and words.",
			"An incident has a range: the lowest “at least” and the highest “at most” of its reports. Reports of one incident are not added to each other; incidents are, but for those that were discounted.", "Claims stand as they were made, with their day; those that were withdrawn or revised are marked and stay."},
		bounds: []string{"Times and places are what reporters told.", "Who could not report is not here.", "An incident that nobody joined to another may count people twice."},
	}
}
