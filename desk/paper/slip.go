package paper

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// Slip is a question after somebody, to be printed and handed over.
type Slip struct {
	ID                                         string // its beginning, for people
	Name, Phone, Address, Question, From, Said string
	Until                                      time.Time
	Answers                                    []Answer
}

// Answer is one that can be given, with the code that files it.
type Answer struct {
	Outcome string // spoke, close, neighbour, no-answer, not-there, other
	Code    string
	QR      string
}

type slipWords struct {
	title, name, phone, address, question, from, said, tick, words, how, until, page string
	answers                                                                          map[string]string
}

func slipWordsOf(lang string) slipWords {
	switch lang {
	case "ru":
		return slipWords{"Листок для ответа", "О ком спрашивают", "Телефон", "Адрес", "Вопрос", "Кто спрашивает", "Что можно сказать", "Отметьте один ответ", "Своими словами, и кто отвечает",
			"Помощник вводит код отмеченного ответа или считывает его. Ответ вернётся тому, кто спросил.", "Спрашивают до", "стр.",
			map[string]string{"spoke": "Говорили с этим человеком", "close": "Так говорят близкие", "neighbour": "Так говорят соседи", "no-answer": "Никто не ответил", "not-there": "Здесь его нет", "other": "Другое"}}
	case "kk":
		return slipWords{"Жауап парағы", "Кім туралы сұрайды", "Телефон", "Мекенжайы", "Сұрақ", "Кім сұрайды", "Не айтуға болады", "Бір жауапты белгілеңіз", "Өз сөзіңізбен, кім жауап береді",
			"Көмекші белгіленген жауаптың кодын тереді не сканерлейді. Жауап сұраған адамға қайтады.", "Сұрау мерзімі", "бет",
			map[string]string{"spoke": "Өзімен сөйлестік", "close": "Жақындары айтады", "neighbour": "Көршілері айтады", "no-answer": "Ешкім жауап бермеді", "not-there": "Мұнда жоқ", "other": "Басқа"}}
	}
	return slipWords{"Reply slip", "Asked after", "Telephone", "Address", "Question", "Who asks", "What may be said", "Tick one answer", "In your words, and who answers",
		"A helper types the code of the ticked answer, or scans it. The answer goes back to who asked.", "Asked until", "page",
		map[string]string{"spoke": "Spoke to the person", "close": "Somebody close says", "neighbour": "A neighbour says", "no-answer": "Nobody answered", "not-there": "Not there", "other": "Other"}}
}

func (w *slipWords) lines(s *Slip) (list [][2]string) {
	for _, l := range [][2]string{{w.name, s.Name}, {w.phone, s.Phone}, {w.address, s.Address}, {w.question, s.Question}, {w.from, s.From}, {w.said, s.Said}} {
		if l[1] != "" {
			list = append(list, l)
		}
	}
	if !s.Until.IsZero() {
		list = append(list, [2]string{w.until, s.Until.Format(time.DateOnly)})
	}
	return list
}

// SlipText is a slip as plain text, for any printer or to read aloud.
func SlipText(s *Slip, lang string) string {
	w := slipWordsOf(lang)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n\n", w.title, s.ID)
	for _, l := range w.lines(s) {
		fmt.Fprintf(&b, "%s: %s\n", l[0], strings.ReplaceAll(l[1], "\n", " "))
	}
	fmt.Fprintf(&b, "\n%s:\n", w.tick)
	for _, a := range s.Answers {
		fmt.Fprintf(&b, "[ ] %s   %s\n", a.Code, w.answers[a.Outcome])
	}
	fmt.Fprintf(&b, "\n%s:\n\n______________________________\n\n______________________________\n\n%s\n", w.words, w.how)
	return b.String()
}

// SlipPDF is a slip on one page of A4.
func SlipPDF(s *Slip, lang string) ([]byte, error) {
	w := slipWordsOf(lang)
	p := newSheet(lang, w.title+" "+s.ID, s.Until)
	p.AddPage()
	p.text(22, w.title)
	p.text(10, s.ID)
	p.Ln(3)
	for _, l := range w.lines(s) {
		p.SetTextColor(90, 90, 90)
		p.text(8, l[0])
		p.SetTextColor(0, 0, 0)
		p.text(12, l[1])
		p.Ln(0.5)
	}
	if p.GetY() > 132 { // a long question: the answers stay together
		p.AddPage()
	}
	p.head(w.tick)
	top := p.GetY()
	for i, a := range s.Answers {
		x, y := margin+float64(i%2)*width/2, top+float64(i/2)*30
		p.SetDrawColor(60, 60, 60)
		p.Rect(x, y+3, 6, 6, "D")
		p.SetXY(x+9, y+2)
		p.SetFont("sans", "", 11.5)
		p.MultiCell(width/2-40, 5, w.answers[a.Outcome], "", "L", false)
		p.SetXY(x+9, y+17)
		p.SetFont("sans", "", 10)
		p.CellFormat(width/2-40, 5, a.Code, "", 0, "L", false, 0, "")
		if err := p.code(a.QR, x+width/2-30, y, 26); err != nil {
			return nil, err
		}
	}
	p.SetXY(margin, top+91)
	p.text(11, w.words)
	for i := range 2 {
		p.Line(margin, p.GetY()+9+float64(i)*9, margin+width, p.GetY()+9+float64(i)*9)
	}
	p.SetXY(margin, p.GetY()+22)
	p.text(9.5, w.how)
	var b bytes.Buffer
	err := p.Output(&b)
	return b.Bytes(), err
}
