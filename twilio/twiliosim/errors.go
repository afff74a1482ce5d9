package twiliosim

import (
	"fmt"
	"net/http"
)

// apiError is one refusal of the API. Codes are explained at
// https://www.twilio.com/docs/api/errors; where Twilio publishes no HTTP
// status the simulator assumes 400.
type apiError struct {
	status  int
	code    int
	message string
}

func (e *apiError) body() map[string]any {
	return map[string]any{
		"code":      e.code,
		"message":   e.message,
		"more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", e.code),
		"status":    e.status,
	}
}

// refuse is a 400 with the given code.
func refuse(code int, format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// conflict is a 409 with the given code.
func conflict(code int, format string, args ...any) *apiError {
	return &apiError{http.StatusConflict, code, fmt.Sprintf(format, args...)}
}

// invalid is what a malformed parameter without a code of its own gets.
func invalid(parameter string) *apiError {
	return refuse(20001, "Invalid parameter %s", parameter)
}

func notFound(path string) *apiError {
	return &apiError{http.StatusNotFound, 20404, "The requested resource " + path + " was not found"}
}

func unauthenticated() *apiError {
	return &apiError{http.StatusUnauthorized, 20003, "Authenticate"}
}
