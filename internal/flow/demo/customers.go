package demo

// story is what has befallen a customer.
type story int

const (
	thriving      story = iota
	waiting             // asked for, not yet approved
	unpaid              // suspended
	leaving             // deleted, within the grace period
	withoutTokens       // came from elsewhere and was never given any
)

// customer is one of the demo's tenants and its people; the first is its
// administrator, the second may make agents and manage documents.
type customer struct {
	name, description, model, domain, language, timezone string
	configuration                                        string
	agents, documents, storageMB                         int64
	story                                                story
	people                                               []string
}

var customers = []customer{
	{"Viña Quebrada Honda", "Bodega del valle de Colchagua; atiende visitas y ventas por chat.", "gpt-4-turbo", "quebradahonda.example", "es", "America/Santiago",
		`{"max_tokens": 4000, "temperature": 0.7, "marca": {"color": "#7b1e3a", "tono": "cercano"}}`, 20, 2000, 5000, thriving,
		[]string{"Carolina Sepúlveda", "Matías Oyarzún", "Francisca Ñanco", "Ignacio Riquelme", "Paula Astudillo"}},
	{"Clínica Los Aromos", "Red de tres clínicas en Ñuñoa y La Reina.", "claude-3-sonnet", "losaromos.example", "es", "America/Santiago",
		`{"max_tokens": 2000, "temperature": 0.2, "derivar_a_humano": true}`, 15, 5000, 8000, thriving,
		[]string{"Rodrigo Valenzuela", "Constanza Muñoz", "Javier Peñaloza", "Antonia Fuentes", "Sebastián Cárcamo", "Daniela Iturra"}},
	{"Ferretería El Perno", "Cuarenta años en Concepción.", "gpt-3.5-turbo", "elperno.example", "es", "America/Santiago",
		`{}`, 3, 200, 500, thriving, []string{"Hugo Sanhueza", "Marta Lagos"}},
	{"Editorial Tinta Austral", "Libros de Punta Arenas para el mundo.", "claude-3-opus", "tintaaustral.example", "es", "America/Punta_Arenas",
		`{"max_tokens": 8000, "temperature": 0.9}`, 10, 10000, 10000, thriving,
		[]string{"Beatriz Mansilla", "Tomás Barría", "Elisa Vukasović"}},
	{"Universidad del Biobío Norte", "Admisión y biblioteca.", "gpt-4", "ubn.example", "es", "America/Santiago",
		`{"horario": {"desde": "08:00", "hasta": "20:00"}}`, 50, 10000, 10000, thriving,
		[]string{"Gonzalo Araya", "Pilar Undurraga", "Felipe Quezada", "Sofía Millán", "Andrés Cifuentes", "Verónica Soto", "Camilo Henríquez"}},
	{"Transportes Cordillera", "Carga por carretera entre Santiago y Mendoza.", "gpt-3.5-turbo", "cordillera.example", "es", "America/Argentina/Mendoza",
		`{}`, 5, 500, 1000, unpaid, []string{"Raúl Domínguez", "Lorena Pizarro"}},
	{"Banco Nahuel", "Piloto de atención a empresas.", "claude-3-opus", "nahuel.example", "es", "America/Santiago",
		`{"max_tokens": 3000, "temperature": 0.0, "retener_dias": 30}`, 8, 1000, 2000, waiting, []string{"Isabel Errázuriz"}},
	{"Nordlicht GmbH", "Lichtplanung aus Kiel.", "gpt-4", "nordlicht.example", "de", "Europe/Berlin",
		`{"temperature": 0.5}`, 10, 1000, 1000, thriving, []string{"Anke Petersen", "Jonas Möller", "Svenja Brandt"}},
	{"Calder & Wren LLP", "Employment law, two offices.", "claude-3-sonnet", "calderwren.example", "en", "Europe/London",
		`{"max_tokens": 6000, "temperature": 0.1}`, 12, 8000, 6000, thriving, []string{"Imogen Calder", "Rhys Wren", "Amara Okafor", "Tom Hadley"}},
	{"東京支店サポート", "Soporte de la sucursal de Tokio.", "gpt-4-turbo", "tokyo.example", "ja", "Asia/Tokyo",
		`{"emoji": "🚀"}`, 10, 1000, 1000, thriving, []string{"Haruka Sato", "Kenji Mori"}},
	{"Panadería Masa Madre", "Llegó de otra plataforma, sin tokens.", "claude-3-haiku", "masamadre.example", "es", "America/Santiago",
		`{}`, 2, 50, 100, withoutTokens, []string{"Teresa Gallardo"}},
	{"Hostal Valparaíso Alto", "Se va a fin de mes.", "claude-3-haiku", "valpoalto.example", "es", "America/Santiago",
		`{}`, 2, 100, 200, leaving, []string{"Nicolás Bravo", "Joaquina Silva"}},
}
