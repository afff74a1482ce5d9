package chat

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// plainText is a text in lower-case words that are spelt alike, a space between
// them and no punctuation.
type plainText struct {
	all       string
	sentences []plainSentence
}

type plainSentence struct {
	all     string
	clauses []string // what commas and dashes part
}

// maxPlain is how much of a text is read, in bytes: 1,600 characters is the
// longest a text can be sent as.
const maxPlain = 1600 * 4

var (
	quotation    = regexp.MustCompile(`[“"]([^“”"]*)[”"]`)
	sentenceEnd  = regexp.MustCompile(`[.!?\n;]+`)
	clauseEnd    = regexp.MustCompile(`[,:()…–—]+|\s-+\s`)
	spelledOut   = regexp.MustCompile(`\b(?:[a-z] ){2,}[a-z]\b`)
	wordPattern  = regexp.MustCompile(`[\p{L}\p{N}]+|[😂🤣]`)
	shortestTalk = 3 // words of a quotation that is somebody else's
)

// readPlain reads a text as plain words. A quotation of some words becomes the
// word "quoted": what it says is not what the writer says.
func readPlain(text string) plainText {
	if len(text) > maxPlain {
		text = strings.ToValidUTF8(text[:maxPlain], "")
	}
	text = strings.NewReplacer("’", "'", "‘", "'", "`", "'", " #", " number ").Replace(strings.ToLower(text))
	text = quotation.ReplaceAllStringFunc(text, func(q string) string {
		if len(strings.Fields(q)) < shortestTalk {
			return q
		}
		return " quoted "
	})
	text = strings.ReplaceAll(text, "'", "")
	var t plainText
	for _, s := range sentenceEnd.Split(text, -1) {
		var sentence plainSentence
		for _, c := range clauseEnd.Split(s, -1) {
			if words := plainWords(c); words != "" {
				sentence.clauses = append(sentence.clauses, words)
			}
		}
		if len(sentence.clauses) > 0 {
			sentence.all = strings.Join(sentence.clauses, " ")
			t.sentences = append(t.sentences, sentence)
			t.all = strings.TrimSpace(t.all + " " + sentence.all)
		}
	}
	return t
}

// plainWords spells the words of a clause alike.
func plainWords(s string) string {
	words := wordPattern.FindAllString(s, -1)
	for i, w := range words {
		words[i] = plainWord(w)
	}
	s = strings.Join(words, " ")
	s = spelledOut.ReplaceAllStringFunc(s, func(letters string) string { return strings.ReplaceAll(letters, " ", "") })
	return phrases.Replace(s)
}

// phrases are words that mean the same as fewer others.
var phrases = strings.NewReplacer(
	"do not", "dont", "did not", "didnt", "will not", "wont", "can not", "cant", "if you dont", "unless you", "why dont you", "please",
	"thank you", "thanks", "text messages", "messages", "text message", "message", "phone number", "number",
	"cell phone", "phone", "any more", "anymore", "i am", "im", "id like", "i would like", "un subscribe", "unsubscribe",
)

// plainWord is the usual spelling of a word in lower case.
func plainWord(w string) string {
	w = squeeze(w)
	if known, ok := spellings[w]; ok {
		return known
	}
	if len(w) < shortestGuess || slices.Contains(guessed, w) || slices.Contains(correct, w) {
		return w
	}
	for _, target := range guessed {
		slips := 1
		if len(target) > longWord {
			slips = 2
		}
		if distance(w, target) <= slips {
			return target
		}
	}
	return w
}

// squeeze makes one letter of three or more: nobody means to write them.
func squeeze(w string) string {
	var out []rune
	letters := []rune(w)
	for i := 0; i < len(letters); {
		end := i
		for end < len(letters) && letters[end] == letters[i] {
			end++
		}
		if end-i > 2 && unicode.IsLetter(letters[i]) {
			i = end - 1
		}
		out = append(out, letters[i:end]...)
		i = end
	}
	return string(out)
}

// spellings are short forms and slips that are too short to be guessed.
var spellings = index(map[string]string{
	"please":      "pls plz plx plse pleas plese pleese",
	"stop":        "stpo sotp tsop stp stopp sstop stpp stip stahp stap", //nolint:misspell // on purpose
	"text":        "txt",
	"texts":       "txts",
	"texting":     "txting txtin textin txtng",
	"message":     "msg mssg",
	"messages":    "msgs mssgs",
	"messaging":   "msging",
	"unsubscribe": "unsub",
	"opt out":     "optout",
	"dont":        "dnt dnot donot",
	"remove":      "rmv",
	"take":        "tke tak",
	"list":        "lst",
	"number":      "num nmbr numbr",
	"phone":       "cell mobile",
	"wrong":       "wrng worng",
	"alone":       "alown alon",
	"me":          "mee",
	"you":         "u ya yall",
	"your":        "ur",
	"are":         "r",
	"and":         "n",
	"with":        "w",
	"want to":     "wanna",
	"thanks":      "thx thanx ty",
	"fuck":        "fk fck",
	"lol":         "😂 🤣",
})

// index turns a list of what words mean into a table of the words.
func index(meanings map[string]string) map[string]string {
	table := map[string]string{}
	for meaning, words := range meanings {
		for w := range strings.FieldsSeq(words) {
			table[w] = meaning
		}
	}
	return table
}

// The words that misspellings are guessed to mean, and those that are no
// misspellings of them.
var (
	guessed = strings.Fields(`unsubscribe texting messages message messaging sending contacting contact remove delete
		bothering harassing spamming receive receiving notifications consent please number`)
	correct = strings.Fields(`subscribe subscribed subscriber resubscribe unsubscribed unsubscribes testing tasting resting
		massage massages massaging messaged passage passages spending mending lending bending tending ending vending pending
		fending seeding sensing contract contracts contacts contracting removed removes remover remote deleted deletes deplete
		mothering slamming spanning scamming received receiver receives relieve relieving deceive deceiving modifications
		notification consents content contents lease leases pleased pleases numbers lumber`)
)

const (
	shortestGuess = 5
	longWord      = 10 // letters, above which two slips are forgiven
)

// distance is how many letters must be added, dropped, changed or swapped with
// their neighbour to get from a to b (optimal string alignment).
func distance(a, b string) int {
	if d := len(a) - len(b); d > 2 || d < -2 {
		return 3 // more than anybody asks for
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[0] {
		rows[0][j] = j
	}
	before, last := rows[2], rows[0]
	for i := 1; i <= len(a); i++ {
		row := rows[i%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
