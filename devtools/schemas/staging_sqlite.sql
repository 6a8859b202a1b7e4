-- The job is a trigger of this table.
CREATE TABLE rotina (nome VARCHAR(30))^
