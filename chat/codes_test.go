package chat

import "testing"

// What the codes call for, as Twilio's error pages and the design have it.
var classes = map[ErrorClass][]int{
	Transient:      {20409, 20429, 20500, 20503, 50063, 50074, 50391, 50419},
	Conflict:       {50353, 50416, 50437},
	Gone:           {20404, 50350, 50432},
	ClosedForGood:  {50377},
	OperatorError:  {20003, 20403, 30002, 50385},
	SenderError:    {21703, 21704, 21705, 30032, 30033, 30034, 30035, 50373, 50408, 50413, 50414, 50415},
	RecipientError: {21211, 21606, 21608, 21610, 21612, 21614, 30004, 30005, 30006, 50407, 50409},
	Bug:            {20001, 20004, 50384, 50390, 50411, 50412, 50503, 50504, 59999, -1},
}

func TestCodesAreInTheRightClass(t *testing.T) {
	t.Parallel()
	for want, codes := range classes {
		for _, code := range codes {
			if got := ExplainCode(code).Class; got != want {
				t.Errorf("%d is %s, want %s", code, got, want)
			}
			if got := (&TwilioError{Code: code, Status: 400}).Class(); got != want {
				t.Errorf("an error with code %d is %s, want %s", code, got, want)
			}
		}
	}
}

func TestEveryCodeIsExplained(t *testing.T) {
	t.Parallel()
	for code, c := range codes {
		if c.Meaning == "" || c.Advice == "" {
			t.Errorf("%d has no meaning or no advice: %+v", code, c)
		}
		if _, known := classes[c.Class]; !known {
			t.Errorf("%d is of class %q, which nobody handles", code, c.Class)
		}
	}
	if c := ExplainCode(59999); c.Meaning == "" || c.Advice == "" {
		t.Errorf("an unknown code is not explained: %+v", c)
	}
}

func TestClassOfAnErrorWithoutACode(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err  TwilioError
		want ErrorClass
	}{
		"no answer":         {TwilioError{}, Transient},
		"too many requests": {TwilioError{Status: 429}, Transient},
		"server error":      {TwilioError{Status: 503}, Transient},
		"not signed in":     {TwilioError{Status: 401}, OperatorError},
		"forbidden":         {TwilioError{Status: 403}, OperatorError},
		"bad request":       {TwilioError{Status: 400}, Bug},
		"fate unknown":      {TwilioError{Status: 201, Unknown: true}, Transient},
		"code, but unknown": {TwilioError{Status: 500, Code: 20404, Unknown: true}, Transient},
		"unknown code, 429": {TwilioError{Status: 429, Code: 59999}, Transient},
		"unknown code, 500": {TwilioError{Status: 500, Code: 59999}, Transient},
		"unknown code, 401": {TwilioError{Status: 401, Code: 59999}, OperatorError},
	}
	for name, tt := range tests {
		if got := tt.err.Class(); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
