package twiliosim

import "net/http"

// routes is the whole surface of the simulator: the API, one line per call, and
// the phone page. Anything else under /v1/ is answered 501 and remembered.
func (s *Server) routes() (http.Handler, error) {
	mux := http.NewServeMux()
	const (
		get, post, del    = http.MethodGet, http.MethodPost, http.MethodDelete
		ok, made, gone    = http.StatusOK, http.StatusCreated, http.StatusNoContent
		conversations     = "/Conversations"
		conversation      = "/Conversations/{ConversationSid}"
		participants      = conversation + "/Participants"
		messages          = conversation + "/Messages"
		receipts          = messages + "/{MessageSid}/Receipts"
		scoped            = conversation + "/Webhooks"
		addresses         = "/Configuration/Addresses"
		configuredHooks   = "/Configuration/Webhooks"
		service           = "/Services/{ChatServiceSid}"
		participantsByKey = "/ParticipantConversations"
	)
	handle := func(method, prefix, path string, status int, do endpoint) {
		pattern, route := method+" /v1"+prefix+path, method+" /v1"+path
		s.knownRoutes = append(s.knownRoutes, route)
		mux.Handle(pattern, s.api(pattern, route, status, do))
	}
	on := func(method, path string, status int, do endpoint) { handle(method, "", path, status, do) }
	// both registers a call for the default service and for a named one.
	both := func(method, path string, status int, do endpoint) {
		on(method, path, status, do)
		handle(method, service, path, status, do)
	}
	both(post, conversations, made, (*call).createConversation)
	both(get, conversations, ok, (*call).listConversations)
	both(get, conversation, ok, (*call).fetchConversation)
	both(post, conversation, ok, (*call).updateConversation)
	both(del, conversation, gone, (*call).deleteConversation)

	both(post, participants, made, (*call).createParticipant)
	both(get, participants, ok, (*call).listParticipants)
	both(get, participants+"/{Sid}", ok, (*call).fetchParticipant)
	both(post, participants+"/{Sid}", ok, (*call).updateParticipant)
	both(del, participants+"/{Sid}", gone, (*call).deleteParticipant)

	both(post, messages, made, (*call).createMessage)
	both(get, messages, ok, (*call).listMessages)
	both(get, messages+"/{Sid}", ok, (*call).fetchMessage)
	both(post, messages+"/{Sid}", ok, (*call).updateMessage)
	both(del, messages+"/{Sid}", gone, (*call).deleteMessage)

	both(get, receipts, ok, (*call).listReceipts)
	both(get, receipts+"/{Sid}", ok, (*call).fetchReceipt)

	both(post, scoped, made, (*call).createScopedWebhook)
	both(get, scoped, ok, (*call).listScopedWebhooks)
	both(get, scoped+"/{Sid}", ok, (*call).fetchScopedWebhook)
	both(post, scoped+"/{Sid}", ok, (*call).updateScopedWebhook)
	both(del, scoped+"/{Sid}", gone, (*call).deleteScopedWebhook)

	both(get, participantsByKey, ok, (*call).listParticipantConversations)

	on(get, "/Configuration", ok, (*call).fetchConfiguration)
	on(post, "/Configuration", ok, (*call).updateConfiguration)
	on(get, configuredHooks, ok, (*call).fetchAccountWebhook)
	on(post, configuredHooks, ok, (*call).updateAccountWebhook)
	on(get, service+configuredHooks, ok, (*call).fetchServiceWebhook)
	on(post, service+configuredHooks, ok, (*call).updateServiceWebhook)

	on(post, addresses, made, (*call).createAddress)
	on(get, addresses, ok, (*call).listAddresses)
	on(get, addresses+"/{Sid}", ok, (*call).fetchAddress)
	on(post, addresses+"/{Sid}", ok, (*call).updateAddress)
	on(del, addresses+"/{Sid}", gone, (*call).deleteAddress)

	on(post, "/Services", made, (*call).createService)
	on(get, "/Services", ok, (*call).listServices)
	on(get, service, ok, (*call).fetchService)
	on(del, service, gone, (*call).deleteService)

	mux.HandleFunc("/v1/", s.refuseUnknown)
	return mux, s.pageRoutes(mux)
}

// refuseUnknown answers what the simulator does not simulate, loudly.
func (s *Server) refuseUnknown(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.unknown = append(s.unknown, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	writeError(w, &apiError{http.StatusNotImplemented, 20501, "The simulator does not know " + r.Method + " " + r.URL.Path})
}
