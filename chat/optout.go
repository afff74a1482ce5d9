package chat

import (
	"regexp"
	"strings"
)

// WantsOut reports whether a reasonable person would understand the text as a
// wish for no more texts, though it is not one of the keywords: "please stop
// texting me", "take me off your list", "wrong number", also misspelt.
//
// Consent may be revoked by any reasonable means, and what counts is what a
// reasonable person would have understood (47 CFR 64.1200(a)(10),
// https://www.ecfr.gov/current/title-47/part-64/section-64.1200#p-64.1200(a)(10)).
// The rule names stop, quit, end, revoke, opt out, cancel and unsubscribe; with
// them it is enough that nothing but courtesies surrounds them. Twilio acts on
// its own keywords only, so nobody else hears these.
//
// It is a list of rules over plain English words and errs on the side of
// hearing what was not meant where texts are the topic, and of not hearing
// where they are not: "cancel my 3pm appointment", "can I stop by at 5?".
// testdata holds texts of both kinds.
func WantsOut(text string) bool {
	t := readPlain(text)
	if reaction.MatchString(t.all) {
		return false
	}
	if wholeText.MatchString(t.all) || wrongNumber.MatchString(t.all) && !digits.MatchString(t.all) {
		return true
	}
	joking := laugh.MatchString(t.all)
	busy := occupied.MatchString(t.all)
	for _, sentence := range t.sentences {
		if anyMatch(exceptions, sentence.all) {
			continue
		}
		timed := busy || onlyNow.MatchString(sentence.all) && !forGood.MatchString(sentence.all)
		for _, clause := range sentence.clauses {
			switch {
			case anyMatch(refusals, clause),
				!joking && command.MatchString(clause),
				!timed && anyMatch(prohibitions, clause):
				return true
			}
		}
	}
	return false
}

func anyMatch(rules []*regexp.Regexp, s string) bool {
	for _, r := range rules {
		if r.MatchString(s) {
			return true
		}
	}
	return false
}

// vocabulary are the groups of words that the rules below are made of. Texts
// are matched in lower case, without apostrophes, in the spelling of plain.go.
var vocabulary = strings.NewReplacer(
	"{me}", `(?:me|us|{number})`,
	"{name}", `my name(?: and number)?`,
	"{permission}", `(?:permission|consent|authorization)`,
	"{number}", `(?:my|our|this) (?:number|phone|line|info|information|contact info|contact|details)`,
	"{texts}", `(?:texts|messages|sms|notifications|alerts|reminders|spam)`,
	"{texting}", `(?:texting|messaging|contacting|spamming|bothering|harassing|annoying|bugging|pestering|calling|soliciting|disturbing)`,
	"{stop}", `(?:stop|quit|cease|discontinue|end|halt|cancel|refrain from)`,
	"{list}", `(?:off of|out of|off|from)(?: (?:this|that|the|your|these|all|any|those|whatever))*`+
		`(?: (?:text|texting|mailing|sms|contact|call|calling|phone|marketing|messaging|notification|subscriber))*`+
		` (?:lists?|database|system|contacts|records|files?|texts|messages|thread)`,
	// What may stand between a verb and its object without another topic.
	"{fill}", `(?: (?:the|these|those|this|that|all|any|anymore|more|further|future|your|my|of|with|from|to|me|us|this number|my number|`+
		`him|her|them|subscription|sending|send|getting|get|receiving|receive|being|be|having|please|out|text|sms|contact|followup|`+
		`stupid|annoying|unwanted|automated|automatic|marketing|promotional|constant|random|damn|fucking|list))*`,
	// What may begin or end a request without changing it.
	"{lead}", `(?:(?:please|kindly|reply|replying|text|txt|send|type|just|ok|okay|hi|hello|hey|no|nope|yes|sorry|thanks|bye|goodbye|now|and|so|but|then|really|this is spam|spam|i said|i say|said|i repeat|`+
		`i (?:asked|told|want|need)(?: you)? to|i (?:would like|want|need|wish|asked) to|(?:can|could|would|will) you|you (?:can|may|need to|have to)|make {texts}|how (?:do|can) i|how to) )*`,
	"{end}", `(?: (?:please|now|thanks|immediately|already|asap|anymore|again|ever|today|forever|at once|right away|right now|altogether|sorry|ok|sir|maam))*$`,
)

func rule(s string) *regexp.Regexp {
	for vocabulary.Replace(s) != s { // a group may name another
		s = vocabulary.Replace(s)
	}
	return regexp.MustCompile(s)
}

func rules(all ...string) []*regexp.Regexp {
	compiled := make([]*regexp.Regexp, len(all))
	for i, s := range all {
		compiled[i] = rule(s)
	}
	return compiled
}

var (
	// reaction is a handset's way to send a thumb: it quotes our own text,
	// which says STOP.
	reaction = rule(`^(?:liked|loved|disliked|laughed at|emphasized|questioned|reacted \S+ to|removed an? \w+ from) quoted\b`)

	// wholeText are words that mean it only by themselves: "cancel, I can't
	// come" is about something else.
	wholeText = rule(`^(?:(?:please|hi|hello|hey|ok|okay|just) )*(?:cancel|end|quit|revoke|quit it|opt out|cease|discontinue|make (?:it|this|them) stop|i want out)(?: (?:please|now|thanks|cancel|end|quit|stop))*$`)

	// wrongNumber is the whole text; with digits it is a correction.
	wrongNumber = rule(`^(?:(?:sorry|hi|hello|hey|no|i think|i believe|im afraid|please|(?:im|this is|this isnt) (?:not )?\w+) )*` +
		`(?:(?:you|youve|youre|your|this is|its)(?: (?:must|may|probably|have|got|are|reached|texted|texting|messaged|messaging))* )?(?:the |a )?wrong (?:number|person|guy|lady)` +
		`(?: (?:sorry|please|thanks|buddy|bud|bro|dude|man|honey|friend|stop|here))*(?: (?:im not|i am not|this is not|this isnt|not|never heard of) \w+)?$`)
	digits = rule(`[0-9]`)

	// command is a whole clause.
	command = rule(`^{lead}(?:stop(?: it| this| that| all)?|stopall|unsubscrib(?:e|ing)|opt (?:me |us |{number} )?out|(?:remove|delete|unlist|unenroll) (?:me|us))` +
		`(?: (?:stop|please))*{end}`)
	laugh = rule(`\b(?:lol|lmao|rofl|omg|jk|haha|hahaha|hehe|laughing)\b`)

	// onlyNow is a wish for other times or occasions, occupied the reason for one.
	onlyNow  = rule(`\b(?:until|till|til|before|after|while|during|when|unless|if|tonight|tomorrow|right now|at night|at work|in the (?:morning|evening|middle)|on (?:my|weekends?|\w+days?)|yet|so (?:early|late)|this (?:early|late)|back|about)\b`)
	forGood  = rule(`\b(?:again|anymore|ever|never)\b`)
	occupied = rule(`\b(?:(?:im|i am) (?:driving|sleeping|asleep|working|in)|in a meeting|in class)\b`)
)

// refusals are parts of a clause.
var refusals = rules(
	// Stop texting me.
	`\b{stop} (?:(?:constantly|always|ever|please) )*{texting}(?: (?:and|or) {texting})? {me}\b`,
	`\b{stop} {texting}{end}`,
	`\b(?:unless you|if you keep|if you) (?:stop |quit )?{texting}`,
	`^(?:please )?stop (?:i dont know|i never|i didnt|im not|not interested|wrong|who is|who are|you have the wrong|this is not)\b`,
	`\b(?:who is this|who are you|wrong number|wrong person|not interested) (?:please )?(?:stop|remove me|take me off){end}`,
	`\bi (?:already )?(?:said|asked|told|texted|replied)(?: \w+){0,3} stop{end}`,
	`\bhow (?:many times|often)\b.* stop{end}`,
	`\b(?:stop|quit) (?:blowing up|using|hitting up) {number}\b`,
	`\b(?:stop|quit) hitting (?:me|us) up\b`,
	`\balready (?:unsubscribed|opted out)\b`,
	`\bif you (?:ever )?(?:text|message|contact|call) {me} again\b`,
	`\b(?:text|message|contact) {me} (?:again|one more time) and (?:i|ill|im)\b`,
	`\breport(?:ed|ing)?(?: \w+)? (?:as|for|to the) (?:spam|junk|harassment|fcc|ftc)\b`,
	`\b(?:blocking|block|reporting|report) (?:you|this number|your number)(?:$| (?:to|for|as|if|unless|and|now)\b)`,
	`^{lead}(?:go away|get lost|fuck off|f off|piss off|buzz off|screw off|get off {number})(?: and .*)?{end}`,
	`\b(?:no longer|not|isnt) \w+s (?:number|phone)\b`,
	`\b(?:no longer|doesnt) (?:has|have|own|use) this number\b`,
	`\bnumber (?:doesnt|does not|no longer) belongs?\b`,
	`\bleave {me} (?:the \w+ )?(?:alone|be)\b`,

	// Stop the texts.
	`\b{stop}(?: it)?{fill} {texts}\b`,
	`\b(?:stop|quit|cease|end|discontinue)(?: (?:all|any|further|future|the))* (?:contact|communications?)\b`,
	`\b(?:stop|quit) (?:sending|giving)(?: {me})?(?: to {me})?{fill} (?:anything|stuff|crap|junk|shit|bullshit|garbage|ads|offers|promos|promotions|deals)\b`,
	`\b(?:stop|quit) sending{fill}{end}`,
	`\b(?:stop|quit)(?: sending)?{fill} (?:text|message){end}`,
	`^{lead}end (?:text|message){end}`,
	`^{lead}no (?:more|further) (?:contact|communications?){end}`,
	`^{lead}cease and desist\b`,
	`^{lead}no (?:more{fill} |further{fill} |text |sms )?(?:{texts}|texting|messaging){end}`,
	`\b(?:turn|shut|switch) off{fill} {texts}{end}`,
	`\bmake{fill} {texts} stop\b`,
	`\b(?:done with|enough of|enough with|sick of|tired of){fill} {texts}\b`,
	`\bcancel{fill} (?:text|texting|sms|message) (?:subscription|service|program|updates)\b`,

	// Take me off.
	`\b(?:take|remove|delete|get|drop|scratch|cross|pull|strike|wipe|erase) (?:me|us|{name}|{number}) {list}\b`,
	`\b(?:remove|delete|erase) {number} from your \w+{end}`,
	`\b(?:removed|deleted|dropped|taken|get|want) {list}\b`,
	`\b(?:take|remove|get|drop) (?:me|us|my number|this number) (?:off|from)(?: (?:this|here|everything))?{end}`,
	`^{lead}remove{end}`,
	`^{lead}(?:remove|delete|lose|loose|erase|forget|trash) {me}(?:{end}| and\b)`,

	// Opting out, unsubscribing, consent.
	`\bopt(?:ed|ing)? (?:{me} )?out{fill}(?: {texts})?{end}`,
	`\bunsubscribe{fill}(?: {texts})?{end}`,
	`\bunsubscribe {number}\b`,
	`\b(?:want|like|need|wish|please) (?:to )?(?:be|get|have me) unsubscribed{end}`,
	`\b(?:revok(?:e|ed|ing)|withdraw(?:ing)?|withdrew|rescind(?:ed|ing)?|retract(?:ed|ing)?|cancel(?:ing)?|remov(?:e|ing))(?: \w+)? {permission}\b`,
	`\b{permission}(?: (?:is|was|has been))? (?:revoked|withdrawn|rescinded|retracted|removed|denied)\b`,
	`\b(?:dont|didnt|never|no longer|not)(?: \w+){0,3} {permission}(?: to (?:text|message|contact|call|send)\b|{end})`,
	`\b(?:dont|didnt|never|no longer)(?: \w+)? consent(?:ed)?{fill}(?: {texts}| texted| contacted)?{end}`,
	`\b(?:never|didnt|dont remember) (?:sign|signed|signing) up for{fill} {texts}\b`,

	// I want no texts.
	`\b(?:dont|no longer|never|not)(?: \w+)? (?:want|wish|need) to be on (?:this|your|the|any)(?: \w+)? list\b`,
	`\b(?:dont|doesnt|no longer|never|not)(?: \w+)? (?:want|wanting|wish|need|care for|like|interested in)(?: to)?(?: (?:be|get|see|keep|continue))?{fill} (?:{texts}|texted|messaged|contacted|bothered|spammed)\b`,
	`\b(?:rather|prefer) not(?: to)?{fill} (?:{texts}|texted|messaged|contacted|bothered)\b`,
	`\b(?:dont|no longer|never)(?: \w+)? (?:want|wish|care|need|like) to (?:ever )?hear from (?:you|your|this|anyone)\b`,
)

// prohibitions are refusals unless they are about now.
var prohibitions = rules(
	`\b(?:dont|never|not)(?: (?:ever|you|please|even|dare))* (?:text|message|contact|sms|spam|bother|harass|disturb|write|write to|call or text|call and text|text or call)(?: or \w+)? {me}\b`,
	`\b(?:dont|never)(?: (?:ever|you|please))* call {me}(?: (?:again|anymore|ever))+`,
	`\b(?:dont|never)(?: (?:ever|you|please))* (?:text|message|contact)(?: (?:again|anymore|ever|please))+$`,
	`^{lead}(?:dont|never) (?:text|message|contact)(?: or (?:text|call|message|contact))?{end}`,
	`\b(?:dont|never) (?:text|message|contact) (?:here|it){end}`,
	`\b(?:dont|never) use {number}(?: (?:for|to) (?:text|texts|texting))?{end}`,
	`\b(?:dont|never)(?: (?:ever|keep|be|continue))+ {texting} {me}\b`,
	`\b(?:dont|never)(?: (?:ever|please))* send{fill} (?:{texts}\b|anything(?: (?:else|more))?{end})`,
)

// exceptions are sentences that speak of stopping and do not ask for it.
var exceptions = rules(
	`\b(?:dont|didnt|wont|doesnt|cant|never|did you|did they|did i|did we|did the \w+)(?: (?:you|ever|guys|please|all|even|mean to|want to))* (?:stop|quit|end|unsubscribe|opt|opted|remove|take|delete|leave|cancel)\b`,
	`\b(?:what happens if|what if|if i|does)\b.*\b(?:stop|unsubscribe|opt out)\b`,
	`\b(?:never|didnt|did i) (?:say|said|text|texted|reply|replied|send|sent) stop\b`,
	`\b(?:why|did|have|has)\b.*\bnot (?:text|message|contact|call)`,
	`\b(?:by accident|accidentally|by mistake|didnt mean to)\b`,
	`\b(?:ill|i will|i should|i better|i must|let me|i need to) (?:\w+ )?(?:stop|quit) {texting}(?: you)?(?:$| (?:so|now)\b)`,
	`\b(?:told|tell|ask|asked|want|need) (?:my|his|her|the|him|them|our)\b.*\bstop {texting}`,
	`^(?:\w+ )?(?:you|they|he|she)(?: (?:guys|all|people))? (?:dont|never|no longer) (?:text|message|contact|call|send|bother)`,
	`\bbut (?:still )?(?:want|keep)(?: \w+)? texts\b`,
)
